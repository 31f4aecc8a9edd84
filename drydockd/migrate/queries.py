"""The original's tables, and what is asked of them.

Two generations of its schema are known: the identity of a boot action was `bootaction_id` first,
and links came later. A column that is missing is read as null. Times are read as text, for there
are moments that PostgreSQL knows and Python does not; what is too long is not read at all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

MIB = 1 << 20
# What a value may take, in bytes as text; build data hold whole hardware inventories.
VALUE_BYTES = MIB
ELEMENT_BYTES = 16 * MIB


@dataclass(frozen=True, slots=True)
class Table:
    """One table: `columns` that must be there, `later` ones that may; `named` otherwise before.

    `texts` are of any length and checked for it, `times` are read as text.
    """

    name: str
    columns: tuple[str, ...]
    later: tuple[str, ...] = ()
    named: Mapping[str, str] = field(default_factory=dict)
    texts: tuple[str, ...] = ()
    times: tuple[str, ...] = ()
    arrays: tuple[str, ...] = ()
    limit: int = VALUE_BYTES

    def missing(self, present: Collection[str]) -> list[str]:
        return [c for c in self.columns if c not in present and self.named.get(c) not in present]

    def selected(self, present: Collection[str], alias: str) -> str:
        """Return what to select of `alias`, by the names of the newest schema."""
        parts, long = [], []
        for column in (*self.columns, *self.later):
            found = column if column in present else self.named.get(column, column)
            if found not in present:
                parts.append(f"NULL AS {column}")
                continue
            value = f"{alias}.{found}"
            if column in self.times or column in self.texts:
                value = f"{value}::text"
            if column in self.texts or column in self.arrays:
                size = f"octet_length({alias}.{found}::text) > {self.limit}"
                long.append(f"CASE WHEN {size} THEN '{column}' END")
                value = f"CASE WHEN NOT {size} THEN {value} END"
            parts.append(f"{value} AS {column}")
        parts.append(f"concat_ws(', ', NULL, {', '.join(long) or 'NULL'}) AS oversized")
        return ", ".join(parts)


TASKS = Table(
    "tasks",
    (
        *("task_id", "parent_task_id", "result_status", "result_message", "result_reason"),
        *("result_successes", "result_failures", "status", "created", "created_by", "updated"),
        *("design_ref", "request_context", "node_filter", "action", "terminated"),
        *("terminated_by", "terminate", "retry"),
    ),
    later=("result_links",),
    texts=(
        *("result_message", "result_reason", "design_ref", "request_context", "node_filter"),
        *("result_links", "status", "action", "created_by", "terminated_by", "result_status"),
    ),
    times=("created", "updated", "terminated"),
    arrays=("result_successes", "result_failures"),
)
MESSAGES = Table(
    "result_message",
    ("sequence", "task_id", "message", "error", "context", "context_type", "ts", "extra"),
    texts=("message", "context", "context_type", "extra"),
    times=("ts",),
)
CONTEXTS = Table(
    "boot_action", ("node_name", "task_id", "identity_key"), texts=("node_name",), limit=1024
)
ACTIONS = Table(
    "boot_action_status",
    ("node_name", "action_id", "action_name", "task_id", "identity_key", "action_status"),
    named={"action_id": "bootaction_id"},
    texts=("node_name", "action_name", "action_status"),
    limit=1024,
)
BUILD_DATA = Table(
    "build_data",
    ("node_name", "task_id", "collected_date", "generator", "data_format", "data_element"),
    texts=("node_name", "generator", "data_format", "data_element"),
    times=("collected_date",),
    limit=ELEMENT_BYTES,
)
TABLES = (TASKS, MESSAGES, CONTEXTS, ACTIONS, BUILD_DATA)

# Every task that a chain of parents leads to from the top, parents first, in one order for all
# who ask. Circles and tasks whose parent is gone are not among them.
_PLACES = """
WITH RECURSIVE tree(task_id, depth) AS (
    SELECT task_id, 0 FROM tasks WHERE parent_task_id IS NULL
    UNION ALL
    SELECT c.task_id, tree.depth + 1 FROM tasks c JOIN tree ON c.parent_task_id = tree.task_id
), places AS (
    SELECT tree.task_id,
           row_number() OVER (ORDER BY tree.depth, t.created, tree.task_id) AS place
    FROM tree JOIN tasks t ON t.task_id = tree.task_id
)
"""

Columns = Mapping[str, Collection[str]]


def tasks(columns: Columns) -> str:
    what = TASKS.selected(columns["tasks"], "t")
    return f"{_PLACES} SELECT p.place, {what} FROM places p JOIN tasks t USING (task_id) ORDER BY 1"  # noqa: S608


def messages(columns: Columns) -> str:
    what = MESSAGES.selected(columns["result_message"], "m")
    return f"""{_PLACES} SELECT p.place, {what}
    FROM places p JOIN result_message m ON m.task_id = p.task_id
    ORDER BY p.place, m.sequence"""  # noqa: S608


def contexts(columns: Columns) -> str:
    what = CONTEXTS.selected(columns["boot_action"], "b")
    return f"""{_DESTROYED} SELECT {what}, t.created::text AS created, t.design_ref::text,
           d.at::text AS destroyed
    FROM boot_action b LEFT JOIN tasks t ON t.task_id = b.task_id
    LEFT JOIN destroyed d ON d.node_name = b.node_name
    ORDER BY b.node_name"""  # noqa: S608


def actions(columns: Columns) -> str:
    """Boot actions of what is deployed now are current; of others, the next deployment's time."""
    what = ACTIONS.selected(columns["boot_action_status"], "s")
    identity = "action_id" if "action_id" in columns["boot_action_status"] else "bootaction_id"
    return f"""{_DESTROYED} SELECT {what}, t.created::text AS created,
           coalesce(b.task_id = s.task_id AND b.identity_key = s.identity_key
                    AND (d.at IS NULL OR t.created IS NULL OR d.at <= t.created), false)
               AS is_current,
           greatest(n.created, d.at)::text AS superseded
    FROM boot_action_status s
    LEFT JOIN boot_action b ON b.node_name = s.node_name
    LEFT JOIN tasks t ON t.task_id = s.task_id
    LEFT JOIN tasks n ON n.task_id = b.task_id AND b.task_id <> s.task_id
    LEFT JOIN destroyed d ON d.node_name = s.node_name
    ORDER BY s.{identity}"""  # noqa: S608


# When a node was destroyed last, by the steps that succeeded.
_DESTROYED = """
WITH destroyed AS (
    SELECT node_name, max(created) AS at
    FROM (SELECT unnest(result_successes) AS node_name, created
          FROM tasks WHERE action = 'destroy_node') AS succeeded
    GROUP BY node_name
)
"""


def build_data(columns: Columns) -> str:
    what = BUILD_DATA.selected(columns["build_data"], "b")
    return f"SELECT {what} FROM build_data b ORDER BY node_name, collected_date, generator"  # noqa: S608


def count(table: Table) -> str:
    return f"SELECT count(*) FROM {table.name}"  # noqa: S608


COLUMNS = """
SELECT attname FROM pg_attribute
WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped
"""
REFERENCES = "SELECT DISTINCT design_ref::text FROM tasks WHERE octet_length(design_ref) < 4096"
ENCRYPTED = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
# A leader that still says that it is alive; both clocks are the server's, its own in UTC.
ALIVE = """
SELECT round(extract(epoch FROM (now() AT TIME ZONE 'utc') - max(last_ping)))::bigint
FROM active_instance
"""
