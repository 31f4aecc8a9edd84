"""The manual driver asks a person and waits."""

from types import SimpleNamespace

import pytest

from drydockd.drivers.oob import manual
from drydockd.drivers.oob.manual import ManualOob, ManualOptions
from drydockd.machines import PowerState
from tests.room.helpers import Voice, a_node


@pytest.mark.parametrize(
    ("method", "action"),
    [
        ("set_network_boot", "network (PXE)"),
        ("set_disk_boot", "next start to disk"),
        ("power_off", "switch the power off"),
        ("power_on", "switch the power on"),
    ],
)
async def test_it_says_what_to_do_and_then_gives_time_for_it(method, action, monkeypatch):
    voice, pauses = Voice(), []

    async def sleep(seconds):
        assert voice.said, "time is given before anything was said"
        pauses.append(seconds)

    monkeypatch.setattr(manual, "asyncio", SimpleNamespace(sleep=sleep))
    await getattr(ManualOob(ManualOptions(wait=45)), method)(a_node(), voice)
    assert pauses == [45]
    [(text, error)] = voice.said
    assert action in text
    assert text.startswith("n1: ")
    assert not error


async def test_nobody_knows_the_power_state():
    assert await ManualOob(ManualOptions(wait=9)).power_state(a_node()) is PowerState.UNKNOWN


def test_a_person_gets_a_minute_by_default_and_three_for_a_power_cycle():
    assert ManualOob(ManualOptions()).worst_case_seconds == 180


async def test_nobody_tells_facts():
    facts = await ManualOob(ManualOptions()).facts(a_node())
    assert (facts.generator, facts.power, facts.serial) == ("manual", PowerState.UNKNOWN, None)
