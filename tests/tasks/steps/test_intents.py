import asyncio

from drydockd.model import Action, Task
from drydockd.store.base import Put
from drydockd.store.memory import MemoryStore
from drydockd.tasks.shared.recorder import Recorder
from drydockd.tasks.steps.intents import Intents, Operation
from tests.tasks.shared.fencing import FakeLease


async def opened():
    store = MemoryStore()
    recorder = Recorder(store)
    return store, recorder, Intents(recorder.store, recorder.write, "t1", "n1")


async def test_an_announced_call_is_open_until_it_is_settled_also_for_the_next_life():
    _, recorder, intents = await opened()
    await intents.announce(Operation.POWER_OFF)

    later = Intents(recorder.store, recorder.write, "t1", "n1")
    assert later.is_open(Operation.POWER_OFF)
    assert not later.was_announced(Operation.POWER_ON)

    await later.settle(Operation.POWER_OFF, "off")
    assert Intents(recorder.store, recorder.write, "t1", "n1").is_done(Operation.POWER_OFF)
    assert not Intents(recorder.store, recorder.write, "t1", "n1").is_open(Operation.POWER_OFF)


async def test_another_node_or_task_has_its_own():
    _, recorder, intents = await opened()
    await intents.announce(Operation.DEPLOY)

    assert not Intents(recorder.store, recorder.write, "t1", "n2").was_announced(Operation.DEPLOY)
    assert not Intents(recorder.store, recorder.write, "t2", "n1").was_announced(Operation.DEPLOY)


async def test_an_open_call_knows_the_session_it_is_made_in_until_after_its_end():
    store, _, intents = await opened()
    await intents.announce(Operation.POWER_OFF)
    await intents.settle(Operation.POWER_OFF, "off")
    await intents.announce(Operation.POWER_ON)

    await intents.fence("/redfish/v1/SessionService/Sessions/7")
    await intents.settle(Operation.POWER_ON, "on")

    noted = {intent.operation: intent.session for intent in store.intents("t1")}
    assert noted == {"power_off": None, "power_on": "/redfish/v1/SessionService/Sessions/7"}


async def test_what_belongs_to_the_call_is_written_with_its_announcement():
    store, _, intents = await opened()

    await intents.announce(Operation.DEPLOY, Put(Task("t9", Action.NOOP)))

    assert store.task("t9").task_id == "t9"
    (intent,) = store.intents("t1")
    assert (intent.key, intent.closed) == ("t1/n1/deploy", None)
    await intents.settle(Operation.DEPLOY, "deployed")
    (intent,) = store.intents("t1")
    assert (intent.outcome, bool(intent.closed)) == ("deployed", True)


async def test_an_announcement_says_which_daemon_made_it_by_which_right():
    store = MemoryStore()
    intents = Intents(store, store.write, "t1", "n1", FakeLease("east", epoch=7))

    await intents.announce(Operation.DEPLOY)

    (intent,) = store.intents("t1")
    assert (intent.member, intent.epoch) == ("east", 7)


async def test_who_is_not_the_runner_any_more_announces_nothing_and_fails_nothing():
    store, lease = MemoryStore(), FakeLease("east", epoch=7)
    intents = Intents(store, store.write, "t1", "n1", lease)
    lease.epoch = None

    announcing = asyncio.ensure_future(intents.announce(Operation.DEPLOY))
    done, _ = await asyncio.wait({announcing}, timeout=0.01)

    assert not done
    assert store.intents("t1") == []
    announcing.cancel()


async def test_a_call_that_a_later_epoch_announced_ends_this_one():
    store, east = MemoryStore(), FakeLease("east", epoch=7)
    west = FakeLease("west", epoch=8)
    await Intents(store, store.write, "t1", "n1", east).announce(Operation.POWER_OFF)
    assert Intents(store, store.write, "t1", "n1", west).take_left()
    assert not west.reasons

    await Intents(store, store.write, "t1", "n1", west).announce(Operation.POWER_ON)
    Intents(store, store.write, "t1", "n1", east)

    assert east.reasons == ["west announced power_on of n1 in epoch 8, and ours is 7"]


async def test_what_an_earlier_life_left_open_is_told_once():
    _, recorder, intents = await opened()
    await intents.announce(Operation.POWER_OFF)
    await intents.settle(Operation.POWER_OFF, "off")
    await intents.announce(Operation.POWER_ON)
    assert intents.take_left() == []

    later = Intents(recorder.store, recorder.write, "t1", "n1")

    assert [intent.operation for intent in later.take_left()] == ["power_on"]
    assert later.take_left() == []
