import asyncio

import pytest

from drydockd.errors import Conflict, InvalidInput
from drydockd.model import TaskStatus
from drydockd.store.memory import MemoryStore
from drydockd.tasks.schedule import validations
from drydockd.tasks.shared.places import IDS_PER_WRITE
from drydockd.tasks.words import messages
from tests.leaping import Leaping
from tests.tasks.helpers import SITE, CutOff, Lab, site_text


class Written(MemoryStore):
    """Counts the writes that end tasks, and how many each of them ends."""

    def __init__(self):
        super().__init__()
        self.ends = []
        self.watch(self._seen)

    def _seen(self, seq, news):
        ended = [r.task_id for r in news if getattr(r, "status", None) == "complete"]
        if ended:
            self.ends.append(ended)


async def judged(lab):
    """Let the verdict on the lab's design be known."""
    task = await lab.submit("validate_design")
    await lab.finished(task.task_id)


async def arrive(lab, count):
    """Submit so many validations that reach the store together."""
    made = await asyncio.gather(*(lab.submit("validate_design") for _ in range(count)))
    return [task.task_id for task in made]


def told(lab, task_id):
    """What a task ended with and what was said of it, but for times."""
    said = [(m.seq, m.message, m.error, m.context, m.extra) for m in lab.store.messages(task_id)]
    task = lab.store.task(task_id)
    return task.status, task.result, task.design, task.scope, said


async def ended(lab, ids):
    return [await lab.finished(task_id) for task_id in ids]


@pytest.mark.parametrize("is_bad", [False, True])
async def test_validations_that_arrive_together_load_once_and_end_in_one_write(is_bad):
    async with Lab(site_text(bad=is_bad), store=Written()) as lab:
        await judged(lab)
        (alone,) = lab.store.ends[0]
        loads = len(lab.designs.asked)
        ids = await arrive(lab, 20)
        await ended(lab, ids)

        assert lab.store.ends == [[alone], ids]
        assert len(lab.designs.asked) == loads + 1
        assert all(told(lab, task_id) == told(lab, alone) for task_id in ids)
        assert told(lab, alone)[1].status == ("failure" if is_bad else "success")


async def test_each_of_a_group_has_its_own_times_and_is_seen_to_begin_and_to_end():
    seen = []
    async with Lab() as lab:
        await judged(lab)
        lab.store.watch(lambda seq, news: seen.extend(news))
        ids = await arrive(lab, 3)
        await ended(lab, ids)

        for task in map(lab.store.task, ids):
            assert task.created <= task.started <= task.updated
            own = [r for r in seen if r.task_id == task.task_id]
            states = [r.status for r in own if hasattr(r, "status")]
            assert states == ["queued", "running", "complete"]
            assert own[2:-1] == lab.store.messages(task.task_id)


async def test_no_group_is_larger_than_the_limit(monkeypatch):
    monkeypatch.setattr(validations, "MOST", 4)
    async with Lab(store=Written()) as lab:
        await judged(lab)
        ids = await arrive(lab, 10)
        await ended(lab, ids)

        assert [len(some) for some in lab.store.ends[1:]] == [4, 4, 2]
        assert [one for some in lab.store.ends[1:] for one in some] == ids


async def test_who_arrives_while_a_group_is_at_work_goes_together_behind_it(monkeypatch):
    monkeypatch.setattr(validations, "GATHER_SECONDS", 60)
    async with Lab(store=Written()) as lab:
        await judged(lab)
        loads = len(lab.designs.asked)
        lab.designs.gate.clear()
        first = await arrive(lab, 2)
        while len(lab.designs.asked) == loads:
            await asyncio.sleep(0)
        later = [await arrive(lab, 1) for _ in range(3)]
        lab.designs.gate.set()
        behind = [one for some in later for one in some]
        await ended(lab, first + behind)

        assert lab.store.ends[1:] == [first, behind]
        assert len(lab.designs.asked) == loads + 2


def test_who_arrives_soon_after_a_group_began_goes_together_if_it_was_of_several():
    async def soon(count):
        async with Lab(store=Written()) as lab:
            await judged(lab)
            loads = len(lab.designs.asked)
            first = await arrive(lab, count)
            await ended(lab, first)
            behind = [one for _ in range(3) for one in await arrive(lab, 1)]
            begun = len(lab.designs.asked) - loads
            await ended(lab, behind)

            return begun, lab.store.ends[1:] == [first, behind]

    with asyncio.Runner(loop_factory=Leaping) as runner:
        assert runner.run(soon(2)) == (1, True)
        begun, is_one_group = runner.run(soon(1))
        assert begun > 1
        assert not is_one_group


async def test_a_group_too_large_for_one_write_makes_several_at_once(monkeypatch):
    monkeypatch.setattr(validations, "IDS_PER_WRITE", 1)
    async with Lab(store=Written()) as lab:
        await judged(lab)
        lab.designs.gate.clear()
        ids = await arrive(lab, 3)
        monkeypatch.setattr(lab.store, "write", all_of(3, lab.store.write))
        lab.designs.gate.set()
        await ended(lab, ids)

        assert sorted(lab.store.ends[1:]) == sorted([one] for one in ids)


def all_of(count, write):
    """Make no write before so many were asked for."""
    asked, are_here = [], asyncio.Event()

    async def together(*changes):
        asked.append(changes)
        if len(asked) == count:
            are_here.set()
        await are_here.wait()
        await write(*changes)

    return together


async def test_a_group_whose_source_is_slow_does_not_hold_up_the_next(monkeypatch):
    monkeypatch.setattr(validations, "GATHER_SECONDS", 0)
    async with Lab(store=Written()) as lab:
        await judged(lab)
        loads = len(lab.designs.asked)
        lab.designs.gate.clear()
        ids = await arrive(lab, 1) + await arrive(lab, 1)
        while len(lab.designs.asked) < loads + 2:
            await asyncio.sleep(0)
        lab.designs.gate.set()
        await ended(lab, ids)

        assert lab.store.ends[1:] == [ids[:1], ids[1:]]


async def test_each_change_of_a_write_has_an_id_of_its_own():
    async with Lab(store=Written()) as lab:
        await judged(lab)
        some = lab.store.message_count(lab.store.ends[0][0]) + validations.CHANGES
        ids = await arrive(lab, validations.MOST)
        await ended(lab, ids)

        assert max(map(len, lab.store.ends)) == min(validations.MOST, IDS_PER_WRITE // some)
        changes = lab.tasks._changes.recent()
        assert len({change.id for change in changes}) == len(changes)


async def test_references_are_groups_of_their_own():
    async with Lab(store=Written()) as lab:
        lab.designs.texts["memory:other"] = site_text(2)
        await judged(lab)
        other = await lab.finished(
            (await lab.submit("validate_design", ref="memory:other")).task_id
        )
        made = await asyncio.gather(
            lab.submit("validate_design"),
            lab.submit("validate_design", ref="memory:other"),
            lab.submit("validate_design"),
            lab.submit("validate_design", ref="memory:other"),
        )
        ours, theirs = [t.task_id for t in made[::2]], [t.task_id for t in made[1::2]]
        await ended(lab, ours + theirs)

        assert lab.store.ends[2:] == [ours, theirs]
        assert {lab.store.task(one).design for one in theirs} == {other.design}


async def test_a_validation_terminated_while_the_design_loads_leaves_the_others_alone():
    async with Lab() as lab:
        await judged(lab)
        (known,) = [t.task_id for t in lab.store.tasks()]
        lab.designs.gate.clear()
        ids = await arrive(lab, 5)
        await lab.tasks.terminate(ids[2], lab.caller)
        lab.designs.gate.set()
        tasks = await ended(lab, ids)

        assert [t.status for t in tasks] == [
            TaskStatus.TERMINATED if n == 2 else TaskStatus.COMPLETE for n in range(5)
        ]
        assert lab.texts(ids[2]) == []
        assert all(told(lab, one) == told(lab, known) for one in ids if one != ids[2])


async def test_a_validation_purged_while_the_design_loads_leaves_the_others_alone(caplog):
    async with Lab() as lab:
        await judged(lab)
        lab.designs.gate.clear()
        ids = await arrive(lab, 3)
        await lab.tasks.terminate(ids[0], lab.caller)
        await lab.store.purge_tasks(before="9")
        lab.designs.gate.set()
        tasks = await ended(lab, ids[1:])

        assert [t.status for t in tasks] == [TaskStatus.COMPLETE] * 2
        assert "unexpectedly" not in caplog.text


async def test_a_reference_that_fails_is_asked_once_and_fails_each_of_the_group():
    async with Lab() as lab:
        lab.designs.is_away = True
        ids = await arrive(lab, 4)
        tasks = await ended(lab, ids)

        assert len(lab.designs.asked) == 1
        assert [t.result.status for t in tasks] == ["failure"] * 4
        text = f"The design cannot be loaded: {SITE}: nobody answers"
        assert all(lab.texts(task_id) == [text] for task_id in ids)


async def test_a_design_that_was_not_judged_yet_is_loaded_and_judged_once():
    async with Lab() as lab:
        ids = await arrive(lab, 4)
        await ended(lab, ids)

        assert len(lab.designs.asked) == 1
        assert len({repr(told(lab, task_id)) for task_id in ids}) == 1


async def test_a_source_that_does_not_answer_holds_up_only_validations_of_its_reference():
    async with Lab() as lab:
        lab.designs.texts["memory:slow"] = site_text()
        lab.designs.gates["memory:slow"] = asyncio.Event()
        slow = await lab.submit("validate_design", ref="memory:slow")
        await ended(lab, await arrive(lab, 3))

        assert lab.store.task(slow.task_id).status == "queued"
        lab.designs.gates["memory:slow"].set()
        assert (await lab.finished(slow.task_id)).result.status == "success"


@pytest.mark.parametrize("before", [False, True])
async def test_a_group_is_taken_up_again_wherever_the_daemon_dies(before):
    at, has_died = 0, True
    while has_died:
        at += 1
        async with Lab(store=CutOff()) as lab:
            await judged(lab)
            (known,) = [t.task_id for t in lab.store.tasks()]
            lab.designs.gate.clear()
            ids = await arrive(lab, 3)
            lab.store.die(at, before=before)
            lab.designs.gate.set()
            while not (
                lab.store.died.is_set()
                or all(lab.store.task(task_id).status.is_final for task_id in ids)
            ):
                await asyncio.sleep(0)
            has_died = lab.store.writes >= at
            lab.store.revive()
            await lab.restart()
            await ended(lab, ids)

            assert all(told(lab, task_id) == told(lab, known) for task_id in ids), at
    assert at == 2  # one write is all there is


async def test_a_shutdown_leaves_a_group_to_the_next_start():
    async with Lab() as lab:
        await judged(lab)
        lab.designs.gate.clear()
        ids = await arrive(lab, 3)
        await lab.tasks.drain(0.1)
        assert {lab.store.task(task_id).status for task_id in ids} == {TaskStatus.QUEUED}

        lab.designs.gate.set()
        await lab.restart()
        assert {t.status for t in await ended(lab, ids)} == {TaskStatus.COMPLETE}


async def test_a_pinned_design_is_let_go_of_with_the_last_of_a_group():
    async with Lab() as lab:
        await judged(lab)
        ids = await arrive(lab, 3)
        (design,) = {task.design for task in await ended(lab, ids)}
        await lab.store.purge_tasks(before="9")

        assert not lab.store.backend.has_blob(design)


async def test_a_group_that_one_refuses_in_the_moment_of_its_write_goes_one_by_one(monkeypatch):
    async with Lab(store=Written()) as lab:
        await judged(lab)
        loads = len(lab.designs.asked)
        lab.designs.gate.clear()
        ids = await arrive(lab, 3)
        monkeypatch.setattr(lab.store, "write", refusing(lab.store.write))
        lab.designs.gate.set()
        await ended(lab, ids)

        assert [len(some) for some in lab.store.ends[1:]] == [1, 1, 1]
        assert len(lab.designs.asked) == loads + 1
        assert len({repr(told(lab, task_id)) for task_id in ids}) == 1


def refusing(write):
    """Refuse the next write, as one whose record changes on its way to the disk does."""
    refusals = [Conflict("it is terminated already")]

    async def once(*changes):
        if refusals:
            raise refusals.pop()
        await write(*changes)

    return once


async def test_what_cannot_be_said_ends_each_of_a_group_as_it_ends_one(monkeypatch):
    def unsayable(wording, messages):
        raise InvalidInput("it cannot be stored")

    async with Lab() as lab:
        monkeypatch.setattr(messages.Wording, "__init__", unsayable)
        alone = await lab.run("validate_design")
        tasks = await ended(lab, await arrive(lab, 3))

        assert {t.result for t in tasks} == {alone.result}
        assert alone.result.status == "failure"


async def test_a_design_that_nobody_of_a_group_waits_for_any_more_is_not_kept():
    async with Lab() as lab:
        lab.designs.texts["memory:other"] = site_text(2)
        lab.designs.gates["memory:other"] = asyncio.Event()
        tasks = [await lab.submit("validate_design", ref="memory:other") for _ in range(2)]
        await asyncio.sleep(0)
        for task in tasks:
            await lab.tasks.terminate(task.task_id, lab.caller)
        lab.designs.gates["memory:other"].set()
        await asyncio.wait(lab.tasks._scheduler._groups)

        assert lab.store.backend._blobs == {}
