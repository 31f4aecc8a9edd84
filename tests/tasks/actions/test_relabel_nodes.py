from dataclasses import replace

from drydockd.errors import DriverTransient
from drydockd.tasks.steps.job import NodeRun
from tests.tasks.helpers import Lab, fault, site_text

DEPLOYED = {"initial": "deployed"}


async def room_with_names(lab):
    """The room binds a machine to a node at the first look-up."""
    await lab.run("prepare_nodes")


async def test_owner_data_become_the_labels():
    async with Lab(**DEPLOYED) as lab:
        await room_with_names(lab)
        task = await lab.run("relabel_nodes")

        assert task.result.status == "success"
        assert (await lab.room.labels("n1"))["role"] == "worker"


async def test_a_node_without_owner_data_keeps_its_labels():
    text = site_text(1, n1={"metadata": {"owner_data": {"!role": "x"}}})
    async with Lab(text, **DEPLOYED) as lab:
        await room_with_names(lab)
        task = await lab.run("relabel_nodes")

        assert task.result.successes == ("n1",)
        assert await lab.room.labels("n1") == {}
        assert any("no owner data" in text for text in lab.said(task.task_id))


async def test_a_short_failure_is_retried_and_a_lasting_one_is_told():
    faults = [fault("relabel_fails", "n1", times=2), fault("relabel_fails", "n2")]
    async with Lab(faults=faults, **DEPLOYED) as lab:
        await room_with_names(lab)
        task = await lab.run("relabel_nodes")

        assert (task.result.successes, task.result.failures) == (("n1", "n3"), ("n2",))
        assert "503" in " ".join(lab.texts(task.task_id, error=True))


class Busy:
    """Refuses the first calls, and says for how long it wants to be left alone."""

    def __init__(self, seconds, times):
        self.seconds, self.left, self.labels = seconds, times, {}

    async def check(self):
        pass

    async def relabel(self, node_name, labels):
        if self.left:
            self.left -= 1
            raise DriverTransient("HTTP 429", self.seconds)
        self.labels[node_name] = dict(labels)

    async def close(self):
        pass


async def test_a_busy_backend_is_left_alone_for_as_long_as_it_asks(monkeypatch):
    pauses = []

    async def pause(self, seconds=None):
        pauses.append(seconds)

    monkeypatch.setattr(NodeRun, "pause", pause)
    lab = Lab(site_text(1), **DEPLOYED)
    lab.drivers = replace(lab.drivers, kubernetes=(busy := Busy(77.0, 2)))
    lab.tasks = lab._new()
    async with lab:
        task = await lab.run("relabel_nodes")

        assert task.result.status == "success"
        assert pauses == [77.0, 77.0]
        assert busy.labels["n1"]["role"] == "worker"


async def test_labels_that_kubernetes_keeps_itself_are_told():
    key = "topology.kubernetes.io/zone"
    text = site_text(1, n1={"metadata": {"owner_data": {key: "z1"}}})
    lab = Lab(text, **DEPLOYED)
    lab.drivers = replace(lab.drivers, kubernetes=(backend := Busy(0.0, 0)))
    lab.tasks = lab._new()
    async with lab:
        task = await lab.run("relabel_nodes")

        assert any(f"n1: {key}: Kubernetes keeps such" in text for text in lab.said(task.task_id))
        assert backend.labels["n1"][key] == "z1"


async def test_without_a_kubernetes_driver_the_task_says_so():
    lab = Lab()
    lab.drivers = replace(lab.drivers, kubernetes=None)
    lab.tasks = lab._new()
    async with lab:
        task = await lab.run("relabel_nodes")

        assert (task.result.status, task.result.message) == (
            "failure",
            "No KubernetesDriver enabled.",
        )
        assert task.result.failures == ("n1", "n2", "n3")


async def test_without_nodes_it_says_that_nothing_is_to_be_relabelled():
    async with Lab() as lab:
        task = await lab.run("relabel_nodes", "nobody")

        assert lab.texts(task.task_id) == [
            "node_filter: no node of the design is called nobody.",
            "No nodes in scope, nothing to relabel.",
        ]


async def test_owner_data_that_are_no_labels_fail_the_node_before_the_driver_is_called():
    text = site_text(2, n1={"metadata": {"owner_data": {"-role": "a b"}}})
    async with Lab(text, **DEPLOYED) as lab:
        await room_with_names(lab)
        task = await lab.run("relabel_nodes")

        assert (task.result.successes, task.result.failures) == (("n2",), ("n1",))
        [error] = set(lab.texts(task.task_id, error=True))
        assert "node n1: owner data: label '-role': a name is at most 63" in error
        assert "value 'a b' must be empty or" in error
        assert await lab.room.labels("n1") == {}
