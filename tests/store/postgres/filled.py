"""A store with some of everything, and how it looks from outside."""

import json

from drydockd.model import DriverRecord, Intent, Pin
from drydockd.store import Put
from drydockd.store.export import lines
from tests.store.helpers import (
    COMPLETE,
    MONDAY,
    a_boot_action,
    a_context,
    a_message,
    a_task,
    some_data,
)

BIG = "<lshw>\x00" + "x" * 6000


async def fill(store, name=""):
    """Write records of every kind, in several writes; `name` makes them other ones."""
    design = await store.put_blob(b"the design" + name.encode())
    parts = [await store.put_blob(f"part {n}{name}".encode()) for n in (1, 2)]
    state = await store.put_blob(b"a driver's" + name.encode())
    root, child, later = f"r{name}", f"c{name}", f"a{name}"
    await store.write(Put(a_task(root, design=design, status=COMPLETE)), Put(a_message(root)))
    await store.write(Put(a_task(child, parent_task_id=root)), Put(a_message(child, "ä\x00")))
    await store.write(Put(a_message(root, "failed", error=True)), Put(a_task(later)))
    context = await store.put_blob(b"the design" + name.encode())
    pin = Pin("reboot/0", "0" * 64, 6, 0, 6, tuple(parts))
    await store.write(
        Put(a_context(f"n1{name}", "c1", root, design=context, pins=(pin,))),
        Put(a_boot_action(f"b1{name}")),
        Put(Intent(f"{root}/n1/wipe", root, "n1", "wipe", MONDAY)),
        Put(DriverRecord(f"fake/n1{name}", "fake", {"a": [1, None]}, state)),
    )
    await store.write(Put(some_data(f"1{name}", BIG)), Put(some_data(f"2{name}")))


def exported(store):
    """Every line that an export has, in its order."""
    return [json.loads(line) for line in lines(store._tables, store.backend.read_blob)]


def arrivals(store):
    return {task_id: store.arrival(task_id) for task_id in store._tables.arrival}


def ids(store):
    """The ids that events of the next write get, at least."""
    return store.origin + (store.seq + 1) * 1024
