"""Nodes that report to two daemons of one database at once: what is decided once, and what is not
over a limit, is so for both together."""

import asyncio
import contextlib

import pytest

from drydockd.errors import Conflict, NotFound, TooMany
from drydockd.model import BootAction, BootActionStatus, BootContext, Task, timestamp
from drydockd.site import BootActionSpec
from drydockd.store.base import Edit, Put, Remove
from drydockd.tasks.deployments import Deployments, ReportDetail, new_context, new_rows
from drydockd.tasks.shared.changes import Changes
from drydockd.tasks.words.reports import MESSAGE_BYTES, NOTHING, Spent, spent_on
from drydockd.tasks.words.settings import ReportLimits
from tests.store.helpers import on_database
from tests.tasks.helpers import KEYS

pytestmark = pytest.mark.peer("postgres")

DONE, FAILED = BootActionStatus.SUCCESS, BootActionStatus.FAILURE
SAID = [ReportDetail("step")]
SIZE = MESSAGE_BYTES + len("step")


class Pair:
    """Two daemons, `one` and `other`, and a node that is deployed with boot actions a and b."""

    def __init__(self, stores, limits):
        self.stores = stores
        self.one, self.other = (
            Deployments(store, KEYS, Changes(store, 8), limits) for store in stores
        )

    async def deploy(self):
        context = new_context("n1", "t1", "ref", "")
        self.rows = new_rows(context, [BootActionSpec("a"), BootActionSpec("b")])
        task = Task("t1", "deploy_node", created=timestamp())
        await self.stores[0].write(Put(task), *self.one.opening("n1", context, self.rows))
        await self.seen()
        return self

    async def seen(self):
        """Return when each has seen what the other one wrote."""
        for store in self.stores:
            await store.fresh(20)

    def said(self):
        return [message.message for message in self.stores[1].messages("t1")]

    def counted(self):
        """What its actions used up; the node's own account is kept where a limit is near."""
        context, rows = self.stores[1].boot_context("n1"), self.stores[1].boot_actions("n1")
        assert Spent(context.reports, context.report_bytes) in (NOTHING, spent_on(rows))
        return spent_on(rows)

    @contextlib.asynccontextmanager
    async def other_is_behind(self):
        """Keep the other one from seeing what is written meanwhile."""
        async with self.stores[1].backend._replica._order:
            yield


@pytest.fixture
async def pair(postgres):
    """Give a Pair with these limits."""
    async with contextlib.AsyncExitStack() as stack:

        async def make(**limits):
            stores = []
            for name in ("one", "other"):
                store = await on_database(postgres, name)
                stack.push_async_callback(store.close)
                stores.append(store)
            return await Pair(stores, ReportLimits(**limits)).deploy()

        yield make


async def answers(*reports):
    told = await asyncio.gather(*reports, return_exceptions=True)
    unexpected = [one for one in told if isinstance(one, BaseException)]
    assert all(isinstance(one, TooMany | Conflict) for one in unexpected), unexpected
    return told


@pytest.mark.parametrize(
    ("limits", "actions"),
    [
        ({"reports": 5}, (0, 0)),
        ({"report_bytes": 5 * SIZE}, (0, 0)),
        ({"node_reports": 5}, (0, 1)),
        ({"node_report_bytes": 5 * SIZE}, (0, 1)),
        ({"reports": 3, "node_reports": 5}, (0, 1)),
    ],
)
async def test_a_limit_of_reports_holds_for_both_together(pair, limits, actions):
    two = await pair(**limits)
    first, second = (two.rows[number].action_id for number in actions)
    told = await answers(
        *(two.one.report(first, None, SAID) for _ in range(8)),
        *(two.other.report(second, None, SAID) for _ in range(8)),
    )
    await two.seen()
    refused = [one for one in told if isinstance(one, TooMany)]
    assert len(refused) == 16 - 5
    assert all("only a final status is taken now" in str(one) for one in refused)
    assert two.said() == ["step"] * 5
    assert two.counted() == (5, 5 * SIZE)


async def test_of_two_final_reports_to_two_daemons_one_is_taken(pair):
    two = await pair()
    a = two.rows[0].action_id
    told = await answers(
        *(two.one.report(a, DONE, SAID) for _ in range(4)),
        *(two.other.report(a, FAILED, SAID) for _ in range(4)),
    )
    await two.seen()
    [taken] = [one for one in told if not isinstance(one, BaseException)]
    assert sum(isinstance(one, Conflict) for one in told) == 7
    assert [store.boot_action(a) for store in two.stores] == [taken] * 2
    assert two.said() == ["step"]
    assert two.stores[0].boot_context("n1").reports == 0  # no limit is near: no record more


@pytest.mark.parametrize("limits", [{"node_reports": 1}, {"node_report_bytes": SIZE}])
async def test_final_reports_are_both_taken_and_what_does_not_fit_is_cut(pair, limits):
    two = await pair(**limits)
    a, b = (row.action_id for row in two.rows)
    rows = await answers(two.one.report(a, DONE, SAID), two.other.report(b, DONE, SAID))
    await two.seen()
    assert [row.status for row in rows] == [DONE, DONE]
    cut, kept = sorted(two.said())
    assert kept == "step"
    assert cut.startswith("The final report was cut, 1 details of it dropped")
    assert two.counted() == (2, SIZE)


async def test_a_report_of_a_task_that_is_purged_meanwhile_is_taken(pair):
    two = await pair()
    async with two.other_is_behind():
        await two.stores[0].write(Remove(Task, "t1"))
        report = asyncio.create_task(two.other.report(two.rows[0].action_id, DONE, SAID))
        fetch = asyncio.create_task(two.other.note_delivery("n1", "units"))
        await asyncio.sleep(0)  # both are under way, and know of nothing
    assert (await report).status is DONE
    await fetch
    await two.seen()
    assert set(two.stores[0].boot_context("n1").delivered) == {"units"}
    assert two.counted() == (1, 0)


async def test_a_report_of_what_is_gone_meanwhile_ends_as_one_of_what_is_not_there(pair):
    two = await pair()
    a = two.rows[0].action_id
    async with two.other_is_behind():
        await two.stores[0].write(Remove(Task, "t1"), Remove(BootAction, a))
        report = asyncio.create_task(two.other.report(a, DONE, SAID))
        await asyncio.sleep(0)
    with pytest.raises(NotFound):
        async with asyncio.timeout(60):
            await report
    assert two.said() == []


async def test_a_report_of_what_is_destroyed_meanwhile_is_refused(pair):
    two = await pair()
    async with two.other_is_behind():
        await two.stores[0].write(*two.one.closing("n1"))
        report = asyncio.create_task(two.other.report(two.rows[0].action_id, DONE, SAID))
        await asyncio.sleep(0)
    with pytest.raises(Conflict, match="not available for update"):
        await report
    assert two.said() == []


async def test_what_an_older_daemon_did_not_count_of_the_node_is_counted(pair):
    two = await pair(node_reports=5)
    a, b = (row.action_id for row in two.rows)
    for _ in range(4):
        await two.one.report(a, None)
    await two.stores[0].write(Edit(BootContext, "n1", _as_before))
    await two.seen()
    told = await answers(*(daemon.report(b, None) for daemon in (two.one, two.other) * 2))
    assert sum(isinstance(one, TooMany) for one in told) == 3
    await two.seen()
    assert two.counted() == (5, 0)


def _as_before(context):
    return BootContext(
        context.node,
        context.context_id,
        context.task_id,
        context.design_ref,
        context.design,
        context.created,
    )
