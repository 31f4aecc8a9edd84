"""Going on after a connection was lost: what it had sent is settled, and history is compared."""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass
from typing import Any

from drydockd.store.postgres import sql
from drydockd.store.postgres.connect import connect, library, sqlstate, within
from drydockd.store.postgres.replica import FORGOTTEN, HistoryLost, Replica

log = logging.getLogger(__name__)

# A statement that waits for another, which waits for a standby, is given so long.
JOIN_SECONDS = 30.0


@dataclass
class Membership:
    """Who writes: this process, as the member `name` of the cluster."""

    url: str
    name: str
    member: int
    process: uuid.UUID
    session: int


async def rejoin(who: Membership, replica: Replica) -> Any:
    """Return a new connection to write by, with all that the lost one wrote landed.

    What is still pending then was never done. Raises HistoryLost, and as `connect` does.
    """
    connection = await connect(who.url, purpose=f"{who.name}/write")
    try:
        asking = connection.fetchrow(sql.CALL_JOIN, who.member, who.process)
        try:
            row = await within(connection, JOIN_SECONDS, asking)
        except library().PostgresError as error:
            if sqlstate(error) == sql.SESSION_OVER:
                raise superseded(who) from None
            raise
        who.session = row["session"]
        await check_history(connection, replica)
        await replica.catch_up(connection)
        if not replica.doubtful.isdisjoint(replica.pending):
            raise HistoryLost(
                "what became of writes that were on their way cannot be found out any more: this"
                " daemon was cut off for too long, and starts anew"
            )
    except BaseException:
        connection.terminate()
        raise
    return connection


async def settle_history(who: Membership, connection: Any, replica: Replica) -> None:
    """Let `connection` show nothing that a standby has not confirmed, and compare history."""
    await within(connection, JOIN_SECONDS, connection.execute(sql.SETTLE, who.member))
    await check_history(connection, replica)


async def check_history(connection: Any, replica: Replica) -> None:
    """Raise HistoryLost if the database does not hold the newest write that was seen here."""
    seq, chain = replica.known
    row = await within(connection, JOIN_SECONDS, connection.fetchrow(sql.HISTORY, seq))
    head, first = row["head"], row["first"]
    if row["chain"] is not None and bytes(row["chain"]) == chain:
        return
    if row["chain"] is None and head > seq and (first is None or first > seq):
        return  # kept no more; what follows will show whether there is a gap
    has = f"another write {seq}, and {head - seq} behind it" if head > seq else f"none above {head}"
    raise HistoryLost(f"write {seq} was seen here, and the database has {has}: {FORGOTTEN}")


def forgotten(replica: Replica) -> HistoryLost:
    return HistoryLost(
        f"write {replica.seq} was seen here, and the database has fewer: {FORGOTTEN}"
    )


def superseded(who: Membership) -> HistoryLost:
    return HistoryLost(
        f"another process joined the cluster as {who.name!r}: give each daemon a name of its own"
        " (cluster.name)"
    )
