"""Which numbers GET metrics shows of the store and whom it is shared with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from drydockd.handlers.measure import Numbers
from drydockd.handlers.services import Services
from drydockd.model import TaskStatus


def of_runner(services: Services, read: Callable[[], Numbers]) -> Callable[[], Numbers]:
    """Return what reads the same, and nothing where another daemon works.

    All daemons of a store see the same records: whoever adds their numbers up would count each
    as often as there are daemons.
    """
    return lambda: read() if services.is_runner else ()


def publish_store(services: Services) -> None:
    """Register what the records are, which the runner alone tells."""
    store, measures = services.store, services.measures

    def tasks() -> Iterator[tuple[str, float]]:
        # Only the unfinished are counted one by one: the finished may be a hundred thousand.
        unfinished = 0
        for status in TaskStatus:
            if not status.is_final:
                count = len(store.tasks(status=status))
                unfinished += count
                yield status.value, count
        yield "finished", store.health().tasks - unfinished

    def store_numbers() -> Iterator[tuple[str, float]]:
        yield "task", store.health().tasks
        yield "message", store.health().messages

    def oldest() -> Iterator[tuple[str, float]]:
        begun: dict[str, str] = {}
        for task in store.unfinished():
            name = task.action.value
            begun[name] = min(task.created, begun.get(name, task.created))
        for name, created in begun.items():
            yield name, datetime.fromisoformat(created).timestamp()

    measures.gauge("drydock_tasks", "Tasks and subtasks by status.", of_runner(services, tasks))
    measures.gauge(
        "drydock_oldest_unfinished_task_timestamp_seconds",
        "When the oldest top-level task that has not ended was created.",
        of_runner(services, oldest),
        label="action",
    )
    measures.gauge(
        "drydock_store_records", "Records in the store.", of_runner(services, store_numbers)
    )
    measures.gauge(
        "drydock_store_journal_bytes",
        "Length of the journal.",
        lambda: iter([("", store.health().journal_bytes)]),
    )
    measures.gauge(
        "drydock_store_up",
        "1 while writes succeed.",
        lambda: iter([("", float(store.health().error is None))]),
    )


def publish_cluster(services: Services) -> None:
    """Register how the daemons that share a store are; a daemon alone is its runner."""
    store, measures = services.store, services.measures

    def shared(read: Callable[[], float | None]) -> Callable[[], Numbers]:
        def numbers() -> Iterator[tuple[str, float]]:
            number = read() if services.cluster is not None else None
            if number is not None:
                yield "", number

        return numbers

    def epoch() -> float | None:
        held = services.cluster.lease.epoch if services.cluster is not None else None
        return None if held is None else float(held.number)

    measures.gauge(
        "drydockd_runner",
        "1 on the daemon that runs the tasks.",
        lambda: iter([("", float(services.is_runner))]),
    )
    measures.gauge(
        "drydock_store_silent_seconds",
        "Time since the database was heard of.",
        shared(store.silent_seconds),
    )
    measures.gauge(
        "drydock_store_applied_writes",
        "Number of the newest write that reads show.",
        shared(lambda: float(store.seq)),
    )
    measures.gauge(
        "drydock_cluster_members",
        "Daemons that gave a sign of life lately.",
        shared(lambda: float(services.cluster.lease.live) if services.cluster else None),
    )
    measures.gauge(
        "drydock_cluster_epoch",
        "How often the work has changed hands; told by the runner.",
        shared(epoch),
    )
    measures.gauge(
        "drydock_cluster_clock_offset_seconds",
        "The database's clock minus this host's.",
        shared(lambda: services.cluster.lease.offset_seconds if services.cluster else None),
    )
