"""A node costs a large task what it costs a small one: counted in records, bytes and coroutines."""

import asyncio
from collections import Counter
from dataclasses import replace

import orjson
import pytest

from drydockd.model import Task
from drydockd.tasks import deployments
from drydockd.tasks.schedule import scheduler, wishes
from drydockd.tasks.shared import endings
from drydockd.tasks.steps import branch, step
from tests.tasks.helpers import QUICK, Lab, site_text

pytestmark = pytest.mark.slow

FEW, MANY = 40, 200
FAN_OUT = 4


async def counted(action, nodes):
    """Run `action`; return bytes per node, writes per task record, coroutines at one time."""
    size, records, most = 0, Counter(), 0

    def watch(seq, news):
        nonlocal size, most
        most = max(most, len(asyncio.all_tasks()))
        for record in news:
            size += len(orjson.dumps(record))
            if isinstance(record, Task):
                records[record.task_id] += 1

    initial = None if action == "prepare_nodes" else "ready"
    settings = replace(QUICK, fan_out=FAN_OUT)
    async with Lab(site_text(nodes), settings=settings, initial=initial) as lab:
        lab.store.watch(watch)
        task = await lab.submit(action)
        task = await lab.finished(task.task_id, seconds=60)
    assert len(task.result.successes) == nodes
    return size / nodes, max(records.values()), most


@pytest.mark.slow
@pytest.mark.parametrize("action", ["prepare_nodes", "deploy_nodes"])
async def test_a_node_of_many_writes_what_a_node_of_few_does(action):
    few_bytes, few_writes, _ = await counted(action, FEW)
    many_bytes, many_writes, _ = await counted(action, MANY)

    assert many_bytes < few_bytes * 1.05
    assert many_writes <= few_writes <= 5


@pytest.mark.slow
@pytest.mark.parametrize("action", ["prepare_nodes", "deploy_nodes"])
async def test_nodes_get_a_coroutine_when_it_is_their_turn(action):
    _, _, most = await counted(action, MANY)

    assert most < 100


@pytest.mark.slow
@pytest.mark.parametrize("action", ["prepare_nodes", "deploy_nodes"])
async def test_a_restart_looks_at_few_records_in_one_turn_of_the_loop(action, monkeypatch):
    for module in (branch, deployments, endings, scheduler, step):
        monkeypatch.setattr(module, "SLICE", 5)
    looks = Looks()
    initial = None if action == "prepare_nodes" else "ready"
    settings = replace(QUICK, fan_out=FAN_OUT)
    async with Lab(site_text(MANY), settings=settings, initial=initial) as lab:
        task = await lab.submit(action)
        await lab.until(lambda: ended(lab, task, "configure_hardware", "deploy_node") > MANY // 2)
        await lab.kill()
        looks.at(lab.store, monkeypatch)

        await lab.restart()
        task = await lab.finished(task.task_id, seconds=60)
    assert len(task.result.successes) == MANY
    assert looks.most < MANY // 2


@pytest.mark.slow
async def test_a_large_task_is_asked_to_stop_a_few_subtasks_in_each_write(monkeypatch):
    monkeypatch.setattr(wishes, "SLICE", 10)
    writes = []
    async with Lab(site_text(MANY), settings=replace(QUICK, fan_out=FAN_OUT)) as lab:
        task = await lab.submit("prepare_nodes")
        await lab.until(lambda: ended(lab, task, "configure_hardware") > FAN_OUT)
        lab.store.watch(lambda seq, news: writes.append(sum(isinstance(r, Task) for r in news)))

        await lab.tasks.terminate(task.task_id, lab.caller)
        asked = [sub for sub in lab.tree(task.task_id) if not sub.status.is_final]
        await lab.finished(task.task_id, seconds=60)

        assert all(sub.terminate for sub in asked)
        assert {sub.status for sub in lab.tree(task.task_id)} == {"complete", "terminated"}
    assert max(writes) <= 10


def ended(lab, task, *actions):
    return sum(sub.action in actions and sub.status.is_final for sub in lab.tree(task.task_id))


class Looks:
    """How many records were looked at in one turn of the loop, at most."""

    def __init__(self):
        self.most = self.now = 0

    def at(self, store, monkeypatch):
        for name in ("task", "boot_context", "subtasks"):
            monkeypatch.setattr(store, name, self._counting(getattr(store, name)))
        run = asyncio.Handle._run

        def turn(handle):
            self.now = 0
            run(handle)

        monkeypatch.setattr(asyncio.Handle, "_run", turn)

    def _counting(self, look):
        def counting(*args):
            found = look(*args)
            self.now += len(found) if isinstance(found, list) else 1
            self.most = max(self.most, self.now)
            return found

        return counting
