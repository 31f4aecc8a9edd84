"""Going on from a snapshot, when the writes in between are kept no more."""

from __future__ import annotations

from drydockd.store.codec import ROW_CLASSES, BuildRow, decode_message
from drydockd.store.news import News
from drydockd.store.tables import Tables


def overtake(tables: Tables, newer: Tables) -> News:
    """Let `tables` hold what `newer` does; return what is new in them."""
    news = News(leaps=True)
    for table in ROW_CLASSES:
        mine, theirs = tables.rows[table], newer.rows[table]
        for key in [key for key in mine if key not in theirs]:
            tables.remove(table, key)
    for task_id in [task_id for task_id in tables.tasks if _is_another(tables, newer, task_id)]:
        tables.remove("tasks", task_id)
    for table in ROW_CLASSES:
        mine = tables.rows[table]
        for key, row in newer.rows[table].items():
            if mine.get(key) != row:
                tables.put(table, key, row, newer.arrival.get(key, 0))
                news.parts.append(row.record if isinstance(row, BuildRow) else row)
    for task_id, log in newer.logs.items():
        before = tables.logs.get(task_id)
        known = len(before.tails) if before else 0
        if known < len(log.tails):
            tables.append_messages(task_id, log.tails[known:])
            behind = enumerate(log.tails[known:], known + 1)
            news.parts += [decode_message(task_id, seq, tail) for seq, tail in behind]
    return news


def _is_another(tables: Tables, newer: Tables, task_id: str) -> bool:
    """Whether a task was removed, and one of its name put, meanwhile."""
    if tables.arrival.get(task_id) != newer.arrival.get(task_id):
        return True
    mine, theirs = tables.logs.get(task_id), newer.logs.get(task_id)
    known = mine.tails if mine else []
    return known != (theirs.tails[: len(known)] if theirs else [])
