"""A thousand BMCs at once, some of which hang: on a loop whose clock leaps over all waiting."""

import asyncio
from dataclasses import replace

import pytest

from drydockd.drivers.base import BmcFacts, PowerState
from tests.leaping import Leaping
from tests.tasks.helpers import QUICK, Lab, names, site_text

pytestmark = pytest.mark.slow

NODES, HANGING = 1000, 50
# The limit is that of one call, and 5 s; a power cycle may take longer.
SECONDS, ASK, LIMIT, WORST_CASE = 0.5, 40.0, 45.0, 600.0


class Slow:
    """An OobDriver whose BMCs take half a second an answer; those of `hanging` never answer."""

    oob_types = ("ipmi",)
    ask_seconds = ASK
    worst_case_seconds = WORST_CASE

    def __init__(self, hanging):
        self.hanging = frozenset(hanging)

    async def facts(self, node):
        await asyncio.sleep(1e9 if node.name in self.hanging else SECONDS)
        return BmcFacts("slow", PowerState.ON, serial=f"S{node.name[1:]:0>6}", name=node.name)


@pytest.mark.parametrize("width", [64, 500])
def test_of_a_thousand_slow_bmcs_those_that_hang_fail_within_the_limit_and_no_others(width):
    hanging = names(NODES)[::20]
    limits = {"oob": width, "node": width, "kubernetes": width}
    settings = replace(QUICK, fan_out=width, total_limit=width, driver_limits=limits)

    async def verified():
        async with Lab(site_text(NODES, bootactions=False), settings=settings) as lab:
            lab.drivers.oob[0] = Slow(hanging)
            task = await lab.submit("verify_nodes")
            begun = asyncio.get_running_loop().time()
            while not (task := lab.store.task(task.task_id)).status.is_final:
                await lab.tasks.wait(task.task_id, 300)
            seconds = asyncio.get_running_loop().time() - begun
            return task.result, lab.texts(task.task_id, error=True), seconds, lab.store

    with asyncio.Runner(loop_factory=Leaping) as runner:
        result, said, seconds, store = runner.run(verified())

    assert len(hanging) == HANGING
    assert result.failures == hanging
    assert len(result.successes) == NODES - HANGING
    assert len(said) == HANGING
    assert all("an answer of the BMC did not happen within 45" in text for text in said)
    assert len(store.build_data()) == NODES - HANGING
    # All that hang do so at once, and who hangs keeps nobody from his turn.
    assert LIMIT <= seconds < 2 * LIMIT
