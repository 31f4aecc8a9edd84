"""Is a database whole? Reads everything, changes nothing, may run beside the daemons.

What each record is worth is said twice, in `record` and in the feed behind it, as long as that is
kept: here one is held against the other. All is of one moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from drydockd.store.check import Report
from drydockd.store.codec import ROW_CLASSES
from drydockd.store.contents import Digest
from drydockd.store.named import blobs_named
from drydockd.store.postgres import copying, schema
from drydockd.store.postgres.connect import is_unsafe
from drydockd.store.postgres.standing import standing

# Of one kind so many are named; the rest is counted.
_NAMED = 10

_FEED = """
SELECT count(*) AS writes, min(seq) AS first, max(seq) AS last,
    (SELECT seq FROM drydock.head) AS head, (SELECT chain FROM drydock.head) AS chain,
    (SELECT chain FROM drydock.write ORDER BY seq DESC LIMIT 1) AS last_chain,
    (SELECT max(seq) FROM drydock.message) AS last_message,
    (SELECT max(seq) FROM drydock.record) AS last_record,
    (SELECT count(*) FROM drydock.lease WHERE name = 'runner') AS leases
FROM drydock.write
"""
# As the function drydock.write makes them, see sql.
_CHAIN = """
SELECT seq FROM (
    SELECT seq, chain, lag(seq) OVER w AS before, sha256(lag(chain) OVER w || int4send(member)
        || int8send(n) || int8send((extract(epoch FROM at) * 1000000)::bigint)) AS should
    FROM drydock.write WINDOW w AS (ORDER BY seq)
) links WHERE before = seq - 1 AND chain <> should ORDER BY seq
"""
# The newest that the feed says of each key, against the record.
_CHANGES = """
WITH newest AS (
    SELECT DISTINCT ON (tab, key) tab, key, seq, doc FROM drydock.change
    ORDER BY tab, key, seq DESC, ord DESC
)
SELECT n.tab, n.key, n.seq, CASE
    WHEN n.doc IS NULL THEN 'is there, but was removed'
    WHEN r.doc IS NULL THEN 'is missing, but was put'
    ELSE 'is another one than was put' END AS what
FROM newest n LEFT JOIN drydock.record r ON r.tab = n.tab AND r.key = n.key
WHERE CASE WHEN n.doc IS NULL THEN r.doc IS NOT NULL
    ELSE r.doc IS NULL OR r.doc <> n.doc OR r.seq <> n.seq END
ORDER BY n.tab, n.key
"""
# A record of a write that is kept, of which the feed says nothing.
_UNTOLD = """
SELECT r.tab, r.key, r.seq FROM drydock.record r JOIN drydock.write w ON w.seq = r.seq
WHERE NOT EXISTS (
    SELECT FROM drydock.change c WHERE c.seq = r.seq AND c.tab = r.tab AND c.key = r.key
) ORDER BY r.tab, r.key
"""
_STRAY = """
SELECT m.key, count(*) AS messages FROM drydock.message m
WHERE NOT EXISTS (SELECT FROM drydock.record r WHERE r.tab = 'tasks' AND r.key = m.key)
GROUP BY m.key ORDER BY m.key
"""
_BLOBS = """
SELECT digest, length(content) AS size, encode(sha256(content), 'hex') = digest AS is_whole
FROM drydock.blob ORDER BY digest COLLATE "C"
"""
_PRIVILEGES = """
SELECT t.name, p.privilege FROM unnest($1::text[]) t (name),
    unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) p (privilege)
WHERE NOT has_table_privilege('drydock.' || t.name, p.privilege)
"""
_OPEN = """
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = 'drydock'::regnamespace AND c.relkind IN ('r', 'v')
    AND has_schema_privilege('public', 'drydock', 'USAGE')
    AND has_table_privilege('public', c.oid, 'SELECT, INSERT, UPDATE, DELETE')
ORDER BY c.relname
"""
_SERVER = """
SELECT name, setting FROM pg_settings WHERE name IN ('server_version', 'fsync',
    'full_page_writes', 'synchronous_commit', 'synchronous_standby_names')
"""
TABLES = ("head", "write", "change", "message", "record", "member", "lease", "blob")


async def examine(connection: Any, url: str) -> Report:
    """Return what was found in the database `url`.

    Raises StoreRefused if it is no store, or one of a newer drydockd.
    """
    report = Report()
    async with copying.one_moment(connection):
        head = await copying.head(connection)
        report.facts.append(f"format {head.format}, writes up to {head.seq}")
        if head.format < schema.FORMAT:
            report.facts.append("an older format: `drydock store upgrade` brings the newer one")
        await _look_at_feed(connection, report)
        await _look_at_records(connection, report)
        await _look_at_contents(connection, report)
        await _look_at_members(connection, report, head.seq)
        await _look_at_rights(connection, report)
        await _look_at_server(connection, report, is_unsafe(url))
    return report


async def _look_at_feed(connection: Any, report: Report) -> None:
    row = await connection.fetchrow(_FEED)
    if not row["leases"]:
        report.problems.append("drydock.lease has no row 'runner': no daemon can take the lease")
    for name in ("last_message", "last_record", "last"):
        if (row[name] or 0) > row["head"]:
            what = "write" if name == "last" else name.removeprefix("last_")
            report.problems.append(
                f"a {what} of write {row[name]} is there, but head ends with {row['head']}"
            )
    if not row["writes"]:
        report.facts.append("feed: empty")
        return
    report.facts.append(f"feed: {row['writes']} writes, {row['first']} to {row['last']}")
    if row["last"] - row["first"] + 1 != row["writes"]:
        lacking = row["last"] - row["first"] + 1 - row["writes"]
        report.problems.append(f"feed: {lacking} writes are missing in between")
    if row["last"] < row["head"]:
        report.problems.append(
            f"feed: it ends with write {row['last']}, but head with {row['head']}"
        )
    elif bytes(row["last_chain"]) != bytes(row["chain"]):
        report.problems.append("the chain of head is not that of the last write")
    broken = [found["seq"] for found in await connection.fetch(_CHAIN)]
    report.problems.extend(_some(f"the chain is broken at write {seq}" for seq in broken))


async def _look_at_records(connection: Any, report: Report) -> None:
    changes = await connection.fetch(_CHANGES)
    report.problems.extend(
        _some(
            f"{row['tab']} {row['key']} {row['what']} (feed, write {row['seq']})" for row in changes
        )
    )
    told = {(row["tab"], row["key"]) for row in changes}
    report.problems.extend(
        _some(
            f"{row['tab']} {row['key']} is of write {row['seq']}, which did not put it"
            for row in await connection.fetch(_UNTOLD)
            if (row["tab"], row["key"]) not in told
        )
    )
    report.problems.extend(
        _some(
            f"{row['messages']} messages of task {row['key']}, which is not there"
            for row in await connection.fetch(_STRAY)
        )
    )


async def _look_at_contents(connection: Any, report: Report) -> None:
    digest = Digest()
    uses: set[str] = set()
    spoilt: list[str] = []
    for table in ROW_CLASSES:
        async for _, row, arrival in copying.rows(connection, table, 'key COLLATE "C"', spoilt):
            uses.update(blobs_named(row))
            digest.add_row(table, copying.document(table, row, arrival))
    await copying.add_messages(connection, digest)
    report.problems.extend(_some(spoilt))
    found = {row["digest"]: row for row in await connection.fetch(_BLOBS)}
    report.problems.extend(
        _some(f"blob {name} is missing; records name it" for name in sorted(uses - set(found)))
    )
    report.problems.extend(
        _some(
            f"blob {name} is damaged: it does not match its name"
            for name, row in found.items()
            if not row["is_whole"]
        )
    )
    report.facts.append(
        f"blobs: {len(found)}, {len(set(found) - uses)} of them named by no record (the runner"
        " sweeps them)"
    )
    for name in sorted(uses & set(found)):
        digest.add_blob(name, found[name]["size"])
    contents = digest.contents()
    report.boot_contexts = contents.counts["boot_contexts"]
    report.facts.append(f"records: {contents}")
    report.facts.append(f"contents: sha256 {contents.digest}")


async def _look_at_members(connection: Any, report: Report, seq: int) -> None:
    members = await standing(connection)
    runner = next((one.name for one in members if one.is_runner), "nobody")
    report.facts.append(f"members: {len(members)}, of which {runner} runs")
    report.problems.extend(
        f"member {one.name} showed write {one.applied}, but head ends with {seq}: the database"
        " forgot acknowledged writes"
        for one in members
        if one.applied > seq
    )


async def _look_at_rights(connection: Any, report: Report) -> None:
    user = await connection.fetchval("SELECT current_user")
    lacking: dict[str, list[str]] = {}
    for row in await connection.fetch(_PRIVILEGES, list(TABLES)):
        lacking.setdefault(row["name"], []).append(row["privilege"])
    report.problems.extend(
        f"the user {user} may not {', '.join(rights)} drydock.{name}: make it the owner of the"
        " schema"
        for name, rights in lacking.items()
    )
    report.problems.extend(
        f"drydock.{row['relname']} is open to every user of the server; run `REVOKE ALL ON ALL"
        " TABLES IN SCHEMA drydock FROM PUBLIC`"
        for row in await connection.fetch(_OPEN)
    )


async def _look_at_server(connection: Any, report: Report, is_meant: bool) -> None:
    found = {row["name"]: row["setting"] for row in await connection.fetch(_SERVER)}
    report.facts.append(f"PostgreSQL {found.pop('server_version')}")
    standbys = found.pop("synchronous_standby_names")
    report.facts.append(
        f"synchronous standby: {standbys}"
        if standbys
        else "no synchronous standby: with this server's disk, acknowledged writes are lost"
    )
    # Whoever says durable=no knows it.
    told = report.facts if is_meant else report.problems
    told.extend(
        f"{name} is {value}: a crash loses acknowledged writes, or all of them; set {name} = on"
        for name, value in sorted(found.items())
        if value not in ("on", "remote_apply")
    )


def _some(told: Iterable[str]) -> Iterator[str]:
    """The first of many of one kind, and how many more there are."""
    found = list(told)
    yield from found[:_NAMED]
    if len(found) > _NAMED:
        yield f"and {len(found) - _NAMED} more like that"
