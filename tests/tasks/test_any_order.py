"""Creates, stops, retries, reports, faults and restarts in any order: what always holds.

A design source falls silent and answers again, the clock is set back. While it goes on:
final states never change, no two running tasks share a node, a site-wide one runs alone. Once
the room is quiet: no task is unfinished, each task's lists partition its nodes, and
nobody lost its power while it was deployed.
"""

import asyncio
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from drydockd.errors import Conflict
from drydockd.model import Action, BootActionStatus, Task, timestamp
from drydockd.room.config import FaultConfig
from drydockd.tasks.words import records
from tests.tasks.helpers import OPS, QUICK, SITE, Lab, names, site_text

NODES = names(4)
OTHER = "memory:other"
READING = (Action.VALIDATE_DESIGN, Action.VERIFY_SITE)
LIMITS = {
    "drydock_timeout": 0.3,
    "identify_node": 0.15,
    "configure_hardware": 0.3,
    "deploy_node": 0.15,
    "destroy_node": 0.15,
    "bootaction_final_status": 0.1,
    "resume_grace": 0.05,
    "commission_retries": 1,
    "deploy_retries": 1,
    "destroy_retries": 1,
    "relabel_retries": 1,
    "fan_out": 2,
}
ACTIONS = [
    "validate_design",
    "verify_site",
    "prepare_site",
    "verify_nodes",
    "prepare_nodes",
    "deploy_nodes",
    "destroy_nodes",
    "relabel_nodes",
    "noop",
]
FAULTS = [
    "bmc_silent",
    "bmc_denied",
    "power_stuck",
    "no_discovery",
    "commission_fails",
    "commission_hangs",
    "deploy_fails",
    "deploy_hangs",
    "wipe_fails",
    "wipe_hangs",
    "never_boots",
    "never_reports",
    "reports_failure",
    "relabel_fails",
]
A_NODE = st.sampled_from(NODES)
SOME = st.lists(A_NODE, unique=True, max_size=3)


class AnyOrder(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.broken = []
        self.ended = {}
        self.lab = self.do(self.opened())

    def do(self, work):
        return self.loop.run_until_complete(work)

    async def opened(self):
        lab = Lab(site_text(len(NODES)), seed=1)
        lab.with_settings(**LIMITS)
        lab.tasks = lab._new()
        lab.designs.texts[OTHER] = lab.designs.texts[SITE]
        lab.designs.gates[OTHER] = asyncio.Event()
        lab.designs.gates[OTHER].set()
        lab.store.watch(self.look)
        await lab.start()
        return lab

    def look(self, seq, records):
        for record in records:
            if isinstance(record, Task):
                before = self.ended.get(record.task_id)
                now = (record.status, record.result.status, record.result.failures)
                if before is not None and before != now:
                    self.broken.append(f"{record.task_id} was {before} and is {now}")
                if record.status.is_final:
                    self.ended[record.task_id] = now

    def pick(self, number):
        tasks = [t for t in self.lab.store.tasks() if t.parent_task_id is None]
        return tasks[number % len(tasks)].task_id if tasks else None

    @rule(action=st.sampled_from(ACTIONS), nodes=SOME, ref=st.sampled_from([SITE, OTHER]))
    def create(self, action, nodes, ref):
        self.do(self.lab.submit(action, *nodes, ref=ref, all_nodes=True))

    @rule()
    def a_source_falls_silent(self):
        self.lab.designs.gates[OTHER].clear()

    @rule()
    def a_source_answers(self):
        self.lab.designs.gates[OTHER].set()

    @rule(seconds=st.integers(1, 3600))
    def set_the_clock_back(self, seconds):
        """What is recorded of new tasks goes on from there."""
        back = timedelta(seconds=seconds)
        records.timestamp = lambda: timestamp(datetime.now(UTC) - back)

    @rule(number=st.integers(0, 50))
    def stop(self, number):
        self.attempt(self.lab.tasks.terminate, number)

    @rule(number=st.integers(0, 50))
    def retry(self, number):
        self.attempt(self.lab.tasks.retry, number)

    def attempt(self, call, number):
        task_id = self.pick(number)
        if task_id is not None:
            try:
                self.do(call(task_id, OPS))
            except Conflict:
                return

    @rule(node=A_NODE, good=st.booleans())
    def report(self, node, good):
        status = BootActionStatus.SUCCESS if good else BootActionStatus.FAILURE
        for row in self.lab.store.boot_actions(node):
            try:
                self.do(self.lab.tasks.deployments.report(row.action_id, status))
            except Conflict:
                continue

    @rule(fault=st.sampled_from(FAULTS), node=A_NODE, times=st.sampled_from([1, 2, None]))
    def spoil(self, fault, node, times):
        self.lab.room.set_faults((FaultConfig(fault=fault, machines=(node,), times=times),))

    @rule()
    def mend(self):
        self.lab.room.set_faults(())

    @rule()
    def restart(self):
        self.do(self.lab.restart())

    @rule(milliseconds=st.integers(0, 30))
    def let_time_pass(self, milliseconds):
        self.do(asyncio.sleep(milliseconds / 1000))

    @invariant()
    def final_states_never_change(self):
        assert not self.broken

    @invariant()
    def no_two_running_tasks_share_a_node_or_the_site(self):
        holder = {}
        running = [
            task
            for task in self.lab.store.unfinished()
            if task.status in ("running", "terminating") and task.action not in READING
        ]
        if any(task.action is Action.PREPARE_SITE for task in running):
            assert len(running) == 1, running
        for task in running:
            for node in task.scope:
                other = holder.setdefault(node, task.task_id)
                assert other == task.task_id, f"{node}: {other} and {task.task_id}"

    def teardown(self):
        try:
            self.do(self.all_is_well())
        finally:
            records.timestamp = timestamp
            self.do(self.lab.__aexit__())
            self.loop.close()

    async def all_is_well(self):
        self.lab.room.set_faults(())
        self.lab.designs.gates[OTHER].set()
        store = self.lab.store
        for task in store.unfinished():
            await self.lab.finished(task.task_id, seconds=20)
        assert not self.broken
        for task in store.tasks():
            assert task.status.is_final, task
            if task.parent_task_id is None:
                listed = task.result.successes + task.result.failures
                assert sorted(listed) == sorted(task.scope), task
                assert task.result.status != "incomplete"
        for machine in await self.lab.room.machines():
            assert machine.counters["power_cuts_deployed"] == 0, machine


settings.register_profile("any order", max_examples=12, stateful_step_count=15)
TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(
    settings.get_profile("any order"),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
assert QUICK.retention_days is None
