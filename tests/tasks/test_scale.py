"""A node costs a large task what it costs a small one: counted in records, bytes and coroutines."""

import asyncio
from collections import Counter
from dataclasses import replace

import orjson
import pytest

from drydockd.model import Task
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
