"""What is remembered of what BMCs told."""

import gc

from drydockd.api.bmcfacts import BmcFacts
from drydockd.machines import Identity
from drydockd.model import Action, BuildData, Message, Task, TaskStatus
from drydockd.store.base import Edit, Put, Say
from drydockd.store.memory import MemoryStore
from drydockd.store.news import Spoken, Wording
from drydockd.tasks.shared.identities import Identities
from drydockd.tasks.words import states

A, B = Identity("A1"), Identity("B2")


def facts(node, minute, *, generator="redfish", **told):
    text = BmcFacts(power="on", **told).model_dump_json(exclude_none=True)
    moment = f"2026-01-31T10:{minute:02}:00.000000+00:00"
    return Put(BuildData(node, "t1", moment, generator, "application/json", text))


def serials(identities, node):
    return [kept.identity.serial for kept in identities.kept(node)]


async def loaded(store):
    identities = Identities(store)
    await identities.read()
    return identities


async def test_the_last_facts_of_each_driver_are_known_before_and_after_a_restart():
    store = MemoryStore()
    first = await loaded(store)
    await store.write(facts("n1", 1, serial="A1"))
    await store.write(facts("n1", 2, serial="A2"), facts("n1", 1, generator="ipmi", serial="I7"))

    await first.read()
    for identities in (first, await loaded(store)):
        assert sorted(serials(identities, "n1")) == ["A2", "I7"]
        assert [name for name, _, _ in identities.of_others("n2", Identity("a2"))] == ["n1"]
        assert list(identities.of_others("n2", Identity("A1"))) == []


async def test_contradicted_facts_are_nobodys_and_hide_no_earlier_ones():
    store = MemoryStore()
    await store.write(facts("n1", 1, serial="A1"))
    await store.write(facts("n1", 2, serial="B2", contradictions=["it is another"]))
    assert serials(await loaded(store), "n1") == ["A1"]


async def test_facts_that_tell_no_identity_teach_nothing():
    store = MemoryStore()
    await store.write(facts("n1", 1, serial="A1"))
    identities = await loaded(store)
    await store.write(facts("n1", 2, serial="0000000"))
    await identities.read()
    assert serials(identities, "n1") == ["A1"]


async def test_what_was_accepted_ends_what_others_said_before():
    store = MemoryStore()
    since = "2026-01-31T10:02:00.000000+00:00"
    await store.write(facts("n1", 1, generator="ipmi", serial="I7"))
    await store.write(facts("n1", 2, serial="B2", accepted=since))

    identities = await loaded(store)
    assert (serials(identities, "n1"), identities.accepted("n1")) == (["B2"], since)


async def test_other_documents_are_left_alone():
    store = MemoryStore()
    await store.write(
        Put(BuildData("n1", "t1", "2026", "ironic", "application/json", '{"a": 1}')),
        Put(BuildData("n2", "t1", "2026", "odd", "application/json", '{"kind":"BmcFacts"}')),
    )
    identities = await loaded(store)
    assert identities.kept("n1") + identities.kept("n2") == []


async def test_what_a_task_hears_counts_while_it_is_under_way():
    store = MemoryStore()
    await store.write(Put(Task("t1", Action.VERIFY_NODES, status=TaskStatus.RUNNING)))
    identities = await loaded(store)
    identities.hear("n1", "t1", A)
    assert [name for name, _, _ in identities.of_others("n2", A)] == ["n1"]

    end = Edit(Task, "t1", lambda task: states.moved(task, TaskStatus.COMPLETE))
    await store.write(end)
    assert list(identities.of_others("n2", A)) == []


async def test_the_collector_need_not_look_at_what_was_heard():
    identities, told = await loaded(MemoryStore()), Identity("A1", macs=("m",))
    identities.hear("n1", "t1", told)

    assert not gc.is_tracked(told)
    assert not gc.is_tracked(identities._heard["n1"])


async def test_a_bmc_that_tells_another_number_each_time_is_found_by_the_last_only():
    identities = await loaded(MemoryStore())
    for number in range(100):
        identities.hear("n1", "t1", Identity(f"S{number}"))
    assert len(identities._nodes) == 1


async def test_messages_that_many_tasks_get_are_not_taken_apart_for_it(monkeypatch, caplog):
    """They were, for every task that validated a design: 60 us each."""

    def taken_apart(spoken):
        raise AssertionError

    monkeypatch.setattr(Spoken, "messages", taken_apart)
    store = MemoryStore()
    identities = await loaded(store)
    task = Task("t1", Action.VALIDATE_DESIGN, status=TaskStatus.RUNNING, created="2026")
    await store.write(
        Put(task), Say("t1", Wording([Message("", "found")])), facts("n1", 1, serial="A1")
    )
    await identities.read()
    assert serials(identities, "n1") == ["A1"]
    assert caplog.records == []


async def test_what_many_ask_for_at_once_is_read_once(monkeypatch):
    store = MemoryStore()
    await store.write(facts("n1", 1, serial="A1"))
    identities = await loaded(store)
    monkeypatch.setattr(store, "walk_build_data", None)
    await identities.read()
    assert serials(identities, "n1") == ["A1"]
