from dataclasses import replace

import pytest

from drydockd.drivers.fake import FakeOptions
from drydockd.drivers.node.fake import FakeNodeProvisioner
from drydockd.errors import InvalidInput, SourceUnavailable
from tests.tasks.helpers import CutOff, Lab, site_text


async def test_a_dry_run_tells_nodes_steps_and_verdict_and_changes_nothing():
    async with Lab(store=CutOff()) as lab:
        plan = await lab.submit("deploy_nodes", "n3", "n1", dry_run=True)

        assert plan.nodes == ("n1", "n3")
        assert plan.steps["n1"] == (
            "apply_node_networking",
            "apply_node_storage",
            "apply_node_platform",
            "deploy_node",
            "bootaction_report",
        )
        assert plan.is_valid
        assert (lab.store.writes, lab.store.tasks(), lab.store.backend._blobs) == (0, [], {})
        assert await lab.room.machines() == []


async def test_a_dry_run_of_a_site_wide_task_has_steps_without_nodes():
    async with Lab() as lab:
        plan = await lab.submit("prepare_site", dry_run=True)
        assert (plan.nodes, list(plan.steps)) == ((), [""])


async def test_a_dry_run_shows_an_invalid_design_and_what_would_fail():
    lab = Lab(site_text(2, bad=True, n1={"oob": {"type": "manual"}}))
    lab.drivers.oob[0].oob_types = ("ipmi",)
    lab.drivers = replace(lab.drivers, node=None)
    lab.tasks = lab._new()
    async with lab:
        plan = await lab.submit("prepare_nodes", dry_run=True)

        assert not plan.is_valid
        assert "No node driver enabled, the task would fail." in plan.notes
        assert "Node n1 OOB type manual is not supported." in plan.notes


async def test_a_dry_run_is_refused_like_the_task_itself():
    async with Lab() as lab:
        with pytest.raises(InvalidInput, match="all_nodes"):
            await lab.submit("destroy_nodes", dry_run=True)
        lab.designs.is_away = True
        with pytest.raises(SourceUnavailable):
            await lab.submit("deploy_nodes", dry_run=True)


async def test_a_dry_run_with_a_provisioner_that_enrols_shows_no_out_of_band_step():
    lab = Lab(site_text(1))
    enrolling = FakeNodeProvisioner(FakeOptions(discovers="enrol"), room=lab.room)
    lab.drivers = replace(lab.drivers, node=enrolling, oob=[])
    lab.tasks = lab._new()
    async with lab:
        plan = await lab.submit("prepare_nodes", dry_run=True)

        assert plan.steps == {"n1": ("identify_node", "configure_hardware")}
        assert plan.notes == (
            "Identification is taken only for nodes that the node provisioner does not know.",
        )


async def test_a_dry_run_names_the_nodes_of_the_filter_that_do_not_exist():
    async with Lab() as lab:
        plan = await lab.submit("deploy_nodes", "n1", "nn2", dry_run=True)

        assert (plan.nodes, plan.unmatched) == (("n1",), {"nn2": "n2"})
        assert "no node of the design is called nn2; did you mean n2?" in plan.notes[0]


async def test_a_design_that_cannot_be_used_has_no_nodes_to_miss():
    async with Lab("a: [") as lab:
        plan = await lab.submit("deploy_nodes", "n1", dry_run=True)

        assert (plan.is_valid, plan.unmatched) == (False, {})
