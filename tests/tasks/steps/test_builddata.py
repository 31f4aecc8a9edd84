"""Nothing that goes wrong with logs changes the result of a step."""

import asyncio
from dataclasses import replace

import pytest

from drydockd.drivers.base import Log
from drydockd.drivers.node.fake import FakeNodeProvisioner
from drydockd.errors import DriverTransient
from tests.tasks.helpers import Lab, site_text


class BadLogs(FakeNodeProvisioner):
    """A provisioner whose logs are trouble; the room's never are."""

    how = "raise"

    async def logs(self, handle, phase):
        if self.how == "raise":
            raise DriverTransient("log server is down")
        if self.how == "defect":
            raise KeyError("x")
        if self.how == "hang":
            await asyncio.Event().wait()
        return [Log(phase, "empty", "")]


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("raise", "logs could not be read, left out: log server is down"),
        ("defect", "logs could not be read, left out; the log has the details"),
        ("hang", "logs were not there within"),
        ("empty", None),
    ],
)
async def test_trouble_with_logs_is_said_and_the_node_is_deployed(how, words):
    lab = Lab(site_text(1), initial="ready")
    driver = BadLogs(room=lab.room)
    driver.how = how
    lab.drivers = replace(lab.drivers, node=driver)
    lab.with_settings(drydock_timeout=0.05)
    lab.tasks = lab._new()
    async with lab:
        task = await lab.run("deploy_nodes")

        assert task.result.status == "success"
        assert words is None or any(words in text for text in lab.said(task.task_id))
        assert lab.store.build_data(node="n1") == []
        assert not any(t.result.links for t in lab.tree(task.task_id))
