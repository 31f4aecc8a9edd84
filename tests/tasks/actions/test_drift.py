"""verify_nodes tells how deployed nodes differ, through the room's provisioner."""

from dataclasses import replace

import pytest

from drydockd.api.drift import Drift
from drydockd.errors import DriverTransient
from tests.tasks.helpers import Lab, site_text


@pytest.fixture
async def lab():
    async with Lab(site_text(2)) as lab:
        await lab.run("prepare_nodes", "n1", "n2")
        await lab.run("deploy_nodes", "n1")
        yield lab


def hardware_of(lab, name):
    (machine,) = (m for m in lab.room._cabling.machines.values() if m.name == name)
    return machine


def kept(lab, name="n1"):
    records = list(lab.store.walk_build_data(node=name, generator="drift", latest=True))
    return Drift.model_validate_json(records[0].data_element) if records else None


async def test_a_node_as_it_was_deployed_does_not_differ(lab):
    task = await lab.run("verify_nodes", "n1", "n2")

    assert task.result.status == "success"
    said = lab.said(task.task_id)
    assert "n1: is as it was deployed, and as its design says" in said
    (absent,) = [text for text in said if "not told, so not compared" in text]
    assert "firmware version" in absent
    assert not [text for text in said if text.startswith("n2: ") and "deployed" in text]
    assert kept(lab).differences == []
    assert kept(lab, "n2") is None


async def test_a_machine_whose_parts_changed_is_named_and_the_task_is_still_a_success(lab):
    machine = hardware_of(lab, "n1")
    disk = replace(machine.hardware.disks[0], serial="SWAPPED")
    machine.hardware = replace(
        machine.hardware, disks=(disk,), memory_mib=machine.hardware.memory_mib // 2
    )
    task = await lab.run("verify_nodes", "n1")

    assert task.result.status == "success"
    named = {one.what for one in kept(lab).differences}
    assert named == {"disk sda", "memory"}
    said = lab.said(task.task_id)
    assert any(text.startswith("n1: differs: memory: deployment ") for text in said)
    assert any("found serial SWAPPED" in text for text in said)


async def test_a_design_that_changed_since_is_named(lab):
    other = site_text(2, n1={"platform": {"kernel_params": {"quiet": "true"}}})
    lab.designs.texts["memory:later"] = other
    await lab.run("verify_nodes", "n1", ref="memory:later")

    (one,) = kept(lab).differences
    assert (one.what, one.wanted, one.found) == ("kernel parameters", "quiet=true", "none")
    assert one.source == "design"


async def test_a_provisioner_that_is_away_costs_a_word_and_no_result(lab, monkeypatch):
    async def away(node):
        raise DriverTransient("nobody answers")

    monkeypatch.setattr(lab.drivers.node, "installed", away)
    task = await lab.run("verify_nodes", "n1")

    assert task.result.status == "success"
    assert "n1: whether it differs could not be told: nobody answers" in lab.said(task.task_id)


class Forgetful:
    """A provisioner that tells everything but what it installed."""

    def __init__(self, driver):
        self._driver = driver

    def __getattr__(self, name):
        if name == "installed":
            raise AttributeError(name)
        return getattr(self._driver, name)


async def test_a_provisioner_that_does_not_remember_is_said_once():
    lab = Lab(site_text(2))
    lab.drivers = replace(lab.drivers, node=Forgetful(lab.drivers.node))
    lab.tasks = lab._new()
    async with lab:
        task = await lab.run("verify_nodes")

        said = [text for text in lab.said(task.task_id) if "no drift is looked for" in text]
        assert len(said) == 1
        assert task.result.status == "success"


async def test_more_differences_than_anybody_reads_are_counted(lab):
    from drydockd.design.drift import Difference
    from drydockd.design.drift import Drift as Found
    from drydockd.tasks.actions.drift import MOST_KEPT, _document

    many = tuple(Difference(f"disk sd{n}", "x" * 9999, "y", "design") for n in range(MOST_KEPT + 5))
    document = _document(Found(many), "d1")
    assert (len(document.differences), document.left_out) == (MOST_KEPT, 5)
    assert len(document.differences[0].wanted) == 400
