"""What a daemon that starts finds is what the others have, in their order."""

from dataclasses import replace

from drydockd.model import DriverRecord, Task
from drydockd.store import Edit, Put, Remove
from tests.store.helpers import RUNNING, a_boot_action, a_message, a_task, everything, on_database


async def test_all_is_found_in_the_order_it_came(pair, shared):
    here, _ = pair
    for name in "cab":
        await here.write(
            Put(a_task(name)), Put(a_message(name, "1")), Put(a_message(name, "2", error=True))
        )
        await here.write(Put(DriverRecord(f"d/{name}", "d", {})), Put(a_boot_action(name)))
    await here.write(Edit(Task, "c", lambda task: replace(task, status=RUNNING)))
    await here.write(Remove(DriverRecord, "d/c"), Put(DriverRecord("d/c", "d", {"new": True})))
    late = await on_database(shared, "late")
    assert everything(late) == everything(here)
    assert late.unfinished() == here.unfinished()
    assert [late.arrival(name) for name in "cab"] == [here.arrival(name) for name in "cab"]
    assert late.driver_records("d") == here.driver_records("d")
    assert [record.key for record in late.driver_records("d")] == ["d/a", "d/b", "d/c"]
    assert late.boot_actions("n1") == here.boot_actions("n1")
    assert late.messages("a") == here.messages("a")
    assert late.error_count("a") == 1
    assert (late.seq, late.origin) == (here.seq, here.origin)
    await late.close()


async def test_the_arrival_of_one_put_and_changed_in_one_write_is_its_first_place(pair, shared):
    here, _ = pair
    await here.write(
        Put(DriverRecord("d/1", "d", {})),
        Put(DriverRecord("d/2", "d", {})),
        Remove(DriverRecord, "d/1"),
        Put(DriverRecord("d/1", "d", {"again": True})),
        Edit(DriverRecord, "d/2", lambda record: replace(record, document={"x": 1})),
    )
    late = await on_database(shared, "late")
    assert late.driver_records("d") == here.driver_records("d")
    assert [record.key for record in late.driver_records("d")] == ["d/2", "d/1"]
    await late.close()
