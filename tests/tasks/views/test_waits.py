"""What a node waits for, seen from a daemon that does not run its task."""

from tests.tasks.helpers import fault
from tests.tasks.several import Several


async def deploying():
    lab = Several(initial="ready", faults=[fault("deploy_hangs", "n1")])
    lab.with_settings(deploy_node=30)
    lab.tasks, lab.follower = lab._new(), lab._new()
    lab.runner = lab.tasks
    return lab


async def test_a_follower_shows_what_the_runner_knows():
    async with await deploying() as lab:
        task = await lab.ask("deploy_nodes", "n1")
        await lab.until(lambda: any("deploying jammy" in t for t in lab.said(task.task_id)))
        mine, its = await lab.runner.node_view("n1"), await lab.follower.node_view("n1")
        assert its.waiting_for == mine.waiting_for
        assert its.waiting_for.startswith("the end of the deployment; last seen: n1: deploying")
        assert lab.asked == 1

        [row] = [view for view in (await lab.follower.machines()).views if view.node == "n1"]
        assert row.waiting_for == mine.waiting_for
        assert lab.asked == 2, "for all machines it is asked once"


async def test_without_the_runner_a_follower_tells_what_the_records_do():
    async with await deploying() as lab:
        task = await lab.ask("deploy_nodes", "n1")
        await lab.until(lambda: any("deploying jammy" in t for t in lab.said(task.task_id)))
        behind = await lab.ask("noop", "n1", "n2")
        await lab.until(lambda: any("which holds" in t for t in lab.texts(behind.task_id)))
        lab.is_cut = True
        view = await lab.follower.node_view("n1")
        assert view.waiting_for.startswith("the end of this step; last seen: n1: deploying jammy")
        view = await lab.follower.node_view("n2")
        assert view.waiting_for == f"task {task.task_id} (deploy_nodes), which holds n1"


async def test_an_idle_node_asks_nobody():
    async with Several(initial="ready") as lab:
        await lab.run("prepare_nodes", "n1")
        view = await lab.follower.node_view("n1")
        assert view.waiting_for is None
        assert lab.asked == 0


async def test_of_a_waiting_task_the_runner_tells_for_whom():
    async with Several() as lab:
        lab.with_settings(noop_seconds=30)
        await lab.kill()
        lab.tasks = lab.runner = lab._new()
        await lab.start()
        first = await lab.ask("noop", "n1")
        second = await lab.ask("noop", "n1", "n3")
        await lab.until(lambda: any("which holds" in t for t in lab.texts(second.task_id)))
        assert lab.runner.waits(second.task_id) == {
            second.task_id: f"task {first.task_id} (noop), which holds n1"
        }
        assert second.task_id in lab.runner.waits()
