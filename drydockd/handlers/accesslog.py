"""One line of the log for each request."""

from __future__ import annotations

import logging

access_log = logging.getLogger("drydockd.handlers.access")

# Query parameters whose values may stand in the log.
PARAMETERS = frozenset(
    {"action", "builddata", "days", "last_event_id", "follow", "kind", "latest", "layers", "limit"}
    | {"marker", "node", "status", "subtaskerrors", "task", "wait"}
)


def shown_query(query: str) -> str:
    """Return a query for the log: values of names that are not ours may be anything."""
    parts = (part.partition("=") for part in query[:1000].split("&"))
    return "&".join(f"{n}{eq}{v if n in PARAMETERS else '***' * bool(v)}" for n, eq, v in parts)


def access(
    method: str, path: str, status: int, seconds: float, query: str, request_id: str
) -> None:
    """Write the line of one request."""
    if not access_log.isEnabledFor(logging.INFO):
        return
    shown = f"{path}?{shown_query(query)}" if query else path
    # Made by hand: looking for the calling line would cost as much as all the rest.
    record = logging.LogRecord(
        access_log.name,
        logging.INFO,
        __file__,
        0,
        "%s %s %d %.1f ms",
        (method, shown, status, seconds * 1000),
        None,
    )
    record.ids = {"request_id": request_id}
    record.fields = {"method": method, "path": path, "status": status, "ms": seconds * 1000}
    access_log.handle(record)
