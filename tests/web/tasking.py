"""Tasks for the tests of their pages: a small site of the test's own, whose machines are quick."""

from drydockd.model import Action, Message, Result, ResultStatus, Task, TaskStatus, timestamp
from drydockd.store import Put
from drydockd.web.taskwatches import TaskWatches
from tests.tasks.helpers import site_text


class Site:
    """A design of `count` nodes in the daemon's folder."""

    def __init__(self, browser, count=3):
        self.browser = browser
        path = browser.drydock.state / "small.yaml"
        path.write_text(site_text(count, bootactions=False))
        self.ref = path.as_uri()

    async def done(self, action, **more):
        """Do it over the API; return the task when it has ended."""
        return await self.browser.drydock.task(action=action, design_ref=self.ref, **more)

    async def ready(self):
        """Have the nodes prepared."""
        await self.done("prepare_site")
        task = await self.done("prepare_nodes")
        assert task["result"]["status"] == "success"

    def new(self, action, *nodes):
        """The address of the dry run."""
        names = "".join(f"&node={name}" for name in nodes)
        return f"/tasks/new?action={action}&design_ref={self.ref}{names}"

    def form(self, action, *nodes, **more):
        """What the page of the dry run sends."""
        return {
            "action": action,
            "design_ref": self.ref,
            "node": " ".join(nodes),
            "shown": "yes",
            **more,
        }


def failing(*machines, fault="deploy_fails"):
    """A room in which these machines have a fault; the others do everything at once."""
    quick = dict.fromkeys(
        ("bmc", "power", "discovery", "commission", "deploy", "wipe", "first_boot", "report"), 0
    )
    faults = [{"fault": fault, "machines": list(machines)}] if machines else []
    return {"fake_driver": {"config": {"latencies": quick, "faults": faults}}}


ROOT = "00000000-0000-4000-8000-000000000001"


def record(task_id=ROOT, **more):
    """A task that runs for two nodes, as the store has it."""
    values = {"status": TaskStatus.RUNNING, "scope": ("n1", "n2"), "created": timestamp()}
    return Task(task_id, Action.DEPLOY_NODES, **(values | more))


class Watched:
    """A running task of the store, to which things are said."""

    def __init__(self, services, looks):
        self.services, self.store, self.looks = services, services.store, looks
        self.watches = TaskWatches(looks)
        self.count = 0

    async def watch(self):
        return await self.watches.of(self.store.task(ROOT), self.services)

    async def say(self, count=1, task_id=ROOT):
        first = self.count
        self.count += count
        await self.store.write(
            *(Put(Message(task_id, f"said {n}")) for n in range(first, self.count))
        )

    async def end(self):
        result = Result(ResultStatus.SUCCESS, successes=("n1", "n2"))
        await self.store.write(Put(record(status=TaskStatus.COMPLETE, result=result)))

    def all(self):
        return [f"said {n}" for n in range(self.count)]
