import itertools
from dataclasses import replace

from drydockd.drivers.base import SiteNote
from drydockd.drivers.node.fake import FakeNodeProvisioner
from tests.tasks.helpers import Lab

STEPS = ["create_network_template", "configure_user_credentials", "configure_node_provisioner"]


class NoKeys(FakeNodeProvisioner):
    """A provisioner that takes no keys; the room's takes everything."""

    async def apply_keys(self, keys):
        return [SiteNote(f"{len(keys)} keys refused", True)]


class Hanging(FakeNodeProvisioner):
    async def apply_keys(self, keys):
        import asyncio

        await asyncio.Event().wait()


async def test_networks_keys_and_repositories_are_written_one_after_another():
    async with Lab() as lab:
        task = await lab.run("prepare_site")

        steps = lab.store.subtasks(task.task_id)
        assert [step.action for step in steps] == STEPS
        assert [step.result.status for step in steps] == ["success"] * 3
        assert all(a.updated <= b.created for a, b in itertools.pairwise(steps))
        assert (task.result.status, task.result.successes) == ("success", ())
        kept = lab.room._kept
        assert set(kept["network"]) == {"pxe", "oob"}
        assert set(kept["key"]) == {"ssh-rsa AAAA lab"}


async def test_a_failing_step_stops_no_other_and_makes_it_a_partial_success():
    lab = Lab()
    lab.drivers = replace(lab.drivers, node=NoKeys(room=lab.room))
    lab.tasks = lab._new()
    async with lab:
        task = await lab.run("prepare_site")

        statuses = [step.result.status for step in lab.store.subtasks(task.task_id)]
        assert statuses == ["success", "failure", "success"]
        assert task.result.status == "partial_success"
        assert "1 keys refused" in lab.texts(task.task_id, error=True)


async def test_a_step_that_hangs_ends_with_its_limit():
    lab = Lab()
    lab.drivers = replace(lab.drivers, node=Hanging(room=lab.room))
    lab.with_settings(configure_user_credentials=0.05)
    lab.tasks = lab._new()
    async with lab:
        task = await lab.run("prepare_site")

        assert task.result.status == "partial_success"
        (text,) = lab.texts(task.task_id, error=True)
        assert text.startswith("configure_user_credentials did not end within 0.05 s")
