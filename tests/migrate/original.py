"""A database as the original has it, filled as a site is after some months.

Tables and columns: contract, tasks and bootactions; times have no zone and are UTC.
"""

import json
import uuid
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import asyncpg
from ulid import ULID

SCHEMA = """
CREATE TABLE tasks (
    task_id bytea PRIMARY KEY, parent_task_id bytea, subtask_id_list bytea[],
    result_status varchar(32), result_message varchar(128), result_reason varchar(128),
    result_error_count integer, result_successes varchar(32)[], result_failures varchar(32)[],
    retry integer, status varchar(32), created timestamp, created_by varchar(16),
    updated timestamp, design_ref varchar(128), request_context json, node_filter json,
    action varchar(32), terminated timestamp, terminated_by varchar(16), terminate boolean,
    result_links json
);
CREATE TABLE result_message (
    sequence serial PRIMARY KEY, task_id bytea, message varchar(4096), error boolean,
    context varchar(64), context_type varchar(16), ts timestamp, extra json
);
CREATE TABLE active_instance (
    dummy_key integer PRIMARY KEY, identity bytea, last_ping timestamp
);
CREATE TABLE boot_action (
    node_name varchar(280) PRIMARY KEY, task_id bytea, identity_key bytea
);
CREATE TABLE boot_action_status (
    node_name varchar(280), action_id bytea PRIMARY KEY, action_name varchar(64),
    task_id bytea, identity_key bytea, action_status varchar(32)
);
CREATE TABLE build_data (
    node_name varchar(32), task_id bytea, collected_date timestamp, generator varchar(256),
    data_format varchar(32), data_element text
);
"""
# Before links were kept, when a boot action's id had another name.
OLDER = SCHEMA.replace(",\n    result_links json", "").replace(
    "action_id bytea", "bootaction_id bytea"
)

BEGAN = datetime(2025, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
REF = "deckhand+http://deckhand.site:9000/api/v1.0/revisions/7/rendered-documents"


class Site:
    """Puts rows, each a minute after the one before; ids are made of a number."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection
        self._minutes = 0
        self._last = 0

    def moment(self) -> datetime:
        self._minutes += 1
        return (BEGAN + timedelta(minutes=self._minutes)).replace(tzinfo=None)

    def new_id(self) -> uuid.UUID:
        self._last += 1
        return uuid.UUID(int=self._last << 64 | 4 << 76 | 8 << 60)

    async def put(self, table: str, **values) -> None:
        columns, places = ", ".join(values), ", ".join(f"${n}" for n in range(1, len(values) + 1))
        await self.connection.execute(
            f"INSERT INTO {table} ({columns}) VALUES ({places})", *values.values()
        )

    async def task(self, action: str = "verify_nodes", parent: str | None = None, **more) -> str:
        """Put a task; return its id as text."""
        task_id = self.new_id()
        values = {
            "task_id": task_id.bytes,
            "parent_task_id": uuid.UUID(parent).bytes if parent else None,
            "subtask_id_list": [],
            "result_status": "success",
            "result_successes": ["n1"],
            "result_failures": [],
            "retry": 0,
            "status": "complete",
            "created": self.moment(),
            "created_by": None if parent else "ops",
            "updated": self.moment(),
            "design_ref": REF,
            "request_context": json.dumps({"user": "ops", "roles": ["admin"], "user_id": "u1"}),
            "node_filter": None,
            "action": action,
            "terminate": False,
        }
        await self.put("tasks", **values | more)
        return str(task_id)

    async def message(self, task_id: str, text: str = "Node n1 is fine.", **more) -> None:
        values = {
            "task_id": uuid.UUID(task_id).bytes,
            "message": text,
            "error": False,
            "context": "n1",
            "context_type": "node",
            "ts": self.moment(),
            # As the original encodes it: JSON in a string in JSON.
            "extra": json.dumps(json.dumps({})),
        }
        await self.put("result_message", **values | more)

    async def context(self, node: str, task_id: str, key: bytes) -> None:
        values = {"node_name": node, "task_id": uuid.UUID(task_id).bytes, "identity_key": key}
        await self.put("boot_action", **values)

    async def action(self, node: str, task_id: str, key: bytes, **more) -> str:
        """Put a boot action; return its id as text."""
        ulid = ULID.from_timestamp((BEGAN + timedelta(minutes=self._minutes)).timestamp())
        identity = more.pop("column", "action_id")
        values = {
            "node_name": node,
            identity: ulid.bytes,
            "action_name": "hello",
            "task_id": uuid.UUID(task_id).bytes,
            "identity_key": key,
            "action_status": "incomplete",
        }
        await self.put("boot_action_status", **values | more)
        return str(ulid)

    async def data(self, node: str, task_id: str, element: str = "<list/>", **more) -> None:
        values = {
            "node_name": node,
            "task_id": uuid.UUID(task_id).bytes,
            "collected_date": self.moment(),
            "generator": "lshw",
            "data_format": "text/xml",
            "data_element": element,
        }
        await self.put("build_data", **values | more)


@asynccontextmanager
async def site(database, schema: str = SCHEMA):
    """Make the tables in `database`, and give what fills them."""
    connection = await asyncpg.connect(database.socket_url)
    try:
        await connection.execute(schema)
        yield Site(connection)
    finally:
        await connection.close()


KEYS = {name: bytes([number]) * 32 for number, name in enumerate(("n1", "n2", "n3", "n4"), 1)}


async def lived_in(some: Site) -> dict[str, str]:
    """Fill the tables with one of everything, whole and odd; return ids by a word each."""
    ids: dict[str, str] = {}
    # Every state, with what the original left in each.
    for status in ("requested", "queued", "running", "terminating", "terminated", "complete"):
        ids[status] = await some.task(
            "deploy_nodes",
            status=status,
            result_status="incomplete" if status == "running" else "partial_success",
            result_failures=["n2"],
        )
    # A deployment: the task, its step, the step of one node; messages on each.
    ids["deploy"] = await some.task(
        "deploy_nodes",
        node_filter=json.dumps(
            {
                "filter_set_type": "intersection",
                "filter_set": [{"filter_type": "union", "node_names": ["n1", "n2"]}],
            }
        ),
        result_links=json.dumps({"detail_logs": ["http://dd/tasks/1/builddata", "http://dd/2"]}),
    )
    ids["step"] = await some.task("deploy_node", ids["deploy"])
    for node in ("n1", "n2", "n3"):
        ids[node] = await some.task("deploy_node", ids["step"], result_successes=[node])
        await some.message(ids[node], f"Node {node} deployed.")
        await some.context(node, ids[node], KEYS[node])
        for name, status in (
            *(("open", "incomplete"), ("good", "success")),
            *(("bad", "failure"), ("silent", "unreported")),
        ):
            ids[f"{node} {name}"] = await some.action(
                node, ids[node], KEYS[node], action_name=name, action_status=status
            )
        await some.data(node, ids[node], f"<node id='{node}'/>")
    await some.message(ids["deploy"], "x" * 1500, error=True)
    await some.message(
        ids["deploy"], "it tried again", extra=json.dumps(json.dumps({"retry": True}))
    )
    # An earlier deployment of n1, and the end of n3.
    ids["earlier"] = await some.task("deploy_node", ids["step"], created=BEGAN.replace(tzinfo=None))
    ids["n1 earlier"] = await some.action("n1", ids["earlier"], b"e" * 32)
    ids["destroy"] = await some.task("destroy_nodes")
    await some.task("destroy_node", ids["destroy"], result_successes=["n3"])
    await some.data(
        "n1", ids["n1"], "x" * 10_000, generator="deploy:curtin", data_format="text/plain"
    )
    return ids


async def odd(some: Site, ids: dict[str, str]) -> None:
    """Add rows that are no records: 6 tasks, 6 messages, 3 keys, 4 actions, 5 build data."""
    unknown = await some.task("frobnicate_nodes")
    await some.task("deploy_node", unknown)
    await some.message(unknown, "of a task that is not carried")
    await some.task(created=None)
    await some.task(status="sleeping")
    await some.task(node_filter=json.dumps("{broken"))
    # Its parent was purged.
    await some.task("deploy_node", str(uuid.UUID(int=7)))
    await some.message(str(uuid.UUID(int=7)), "of a task that is gone")
    await some.message(ids["deploy"], None)
    await some.message(ids["deploy"], error=None)
    await some.message(ids["deploy"], ts=None)
    await some.message(ids["deploy"], extra=json.dumps("x" * (2 << 20)))
    await some.context("no-key", ids["n1"], None)
    await some.context("short-key", ids["n1"], b"short")
    await some.put("boot_action", node_name="no-task", task_id=None, identity_key=b"k" * 32)
    await some.action("n4", ids["n1"], KEYS["n4"], action_status="partial_success")
    await some.action("n4", ids["n1"], KEYS["n4"], action_name=None)
    await some.action("n4", ids["n1"], KEYS["n4"], action_id=b"seven")
    await some.action("n4", ids["n1"], b"short")
    await some.data(None, ids["n1"])
    await some.data("n1", ids["n1"], "")
    await some.data("n1", ids["n1"], generator=None)
    await some.data("n1", ids["n1"], "x" * (17 << 20))
    await some.data("n1", ids["n1"], collected_date=None)
