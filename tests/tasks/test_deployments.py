import asyncio
import logging
from dataclasses import replace

import pytest

from drydockd.errors import Conflict, Forbidden, NotFound
from drydockd.model import BootActionStatus, Task
from drydockd.site import BootActionSpec
from drydockd.store.base import Remove
from drydockd.store.memory import MemoryStore
from drydockd.tasks.deployments import Deployments, ReportDetail, new_context, new_rows
from drydockd.tasks.shared.changes import Changes
from tests.tasks.helpers import KEYS, OPS, CutOff, Lab, fault, site_text

DONE = BootActionStatus.SUCCESS


async def deployed(**options):
    """A lab whose n1 is deployed and silent, and its signalling boot action."""
    lab = Lab(site_text(1), initial="ready", faults=[fault("never_reports")], **options)
    lab.with_settings(bootaction_final_status=0.02)
    lab.tasks = lab._new()
    await lab.start()
    await lab.run("deploy_nodes")
    (row,) = [r for r in lab.store.boot_actions("n1") if r.name == "hello"]
    return lab, row


async def test_details_and_status_are_one_write_with_all_extras():
    lab, row = await deployed(store=CutOff())
    async with lab:
        lab.store.writes = 0
        details = [ReportDetail("one", extra={"line": 7}), ReportDetail("two", error=True)]
        row = await lab.tasks.deployments.report(row.action_id, DONE, details)

        assert lab.store.writes == 1
        assert row.status == "success"
        first, second = lab.store.messages(row.task_id)[-2:]
        assert (first.message, first.extra, first.error) == ("one", {"line": 7}, False)
        assert (second.message, second.error) == ("two", True)
        assert {(m.context_type, m.context) for m in (first, second)} == {
            ("bootaction", row.action_id)
        }


async def test_reports_without_a_status_are_repeatable_and_keep_the_action_open():
    lab, row = await deployed()
    async with lab:
        for number in range(3):
            row = await lab.tasks.deployments.report(
                row.action_id, None, [ReportDetail(f"step {number}")]
            )
        assert row.status == "incomplete"
        assert lab.texts(row.task_id)[-3:] == ["step 0", "step 1", "step 2"]


async def test_of_many_final_reports_exactly_one_is_taken():
    lab, row = await deployed()
    async with lab:
        answers = await asyncio.gather(
            *(
                lab.tasks.deployments.report(row.action_id, status, [ReportDetail("final")])
                for status in [DONE, BootActionStatus.FAILURE] * 5
            ),
            return_exceptions=True,
        )
        assert sum(isinstance(a, Conflict) for a in answers) == 9
        assert lab.texts(row.task_id).count("final") == 1
        with pytest.raises(Conflict, match="status finalized, not available for update"):
            await lab.tasks.deployments.report(row.action_id, None, [ReportDetail("more")])


async def test_an_action_without_signalling_takes_no_report():
    lab, _row = await deployed()
    async with lab:
        (quiet,) = [r for r in lab.store.boot_actions("n1") if r.name == "quiet"]
        with pytest.raises(Conflict):
            await lab.tasks.deployments.report(quiet.action_id, DONE)
        with pytest.raises(NotFound):
            await lab.tasks.deployments.report("01ARZ3NDEKTSV4RRFFQ69G5FAV", DONE)


async def test_a_superseded_action_takes_no_report():
    lab, row = await deployed()
    async with lab:
        await lab.run("destroy_nodes", "n1")
        with pytest.raises(Conflict):
            await lab.tasks.deployments.report(row.action_id, DONE)
        assert lab.store.boot_context("n1").closed


async def test_a_report_for_a_purged_task_is_taken_and_its_details_are_logged_as_dropped(caplog):
    lab, row = await deployed()
    async with lab:
        await lab.store.write(Remove(Task, row.task_id))
        with caplog.at_level(logging.WARNING):
            row = await lab.tasks.deployments.report(row.action_id, DONE, [ReportDetail("hello")])

        assert row.status == "success"
        assert "1 details of boot action hello" in caplog.text


async def test_grants_are_the_current_rows_with_keys_of_their_own():
    lab, row = await deployed()
    async with lab:
        context = lab.store.boot_context("n1")
        grants = lab.tasks.deployments.grants(context)

        assert set(grants) == {"hello", "quiet"}
        assert grants["hello"].action_id == row.action_id
        assert grants["hello"].action_key == KEYS.action_key(context.context_id, row.action_id)
        assert grants["hello"].action_key != grants["quiet"].action_key


async def test_the_first_fetch_is_recorded_and_later_ones_are_only_remembered():
    lab, row = await deployed(store=CutOff())
    async with lab:
        delivered = lab.store.boot_context("n1").delivered
        assert set(delivered) == {"units", "files"}
        assert "n1: fetched its boot data (units)" in lab.texts(row.task_id)

        lab.store.writes = 0
        await lab.tasks.deployments.note_delivery("n1", "units")
        await lab.tasks.deployments.note_delivery("nobody", "units")

        assert lab.store.writes == 0
        assert (await lab.tasks.node_view("n1")).last_contact > delivered["units"]


async def test_a_failed_rendering_is_told_on_the_deployments_task_and_kept_until_it_works():
    lab, row = await deployed()
    async with lab:
        deployments = lab.tasks.deployments
        context = deployments.current("n1")
        for _ in range(2):
            await deployments.note_render_failure(context, "units", "asset 1: x", is_final=True)
        said = "n1: boot data (units) could not be rendered: asset 1: x"
        assert lab.texts(row.task_id, error=True).count(said) == 1
        assert deployments.current("n1").failed == {"units": "asset 1: x"}

        await deployments.note_delivery("n1", "units")

        assert deployments.current("n1").failed == {}


async def test_a_failure_that_may_pass_or_is_of_another_deployment_is_kept_by_none():
    lab, row = await deployed()
    async with lab:
        deployments = lab.tasks.deployments
        context = deployments.current("n1")
        await deployments.note_render_failure(context, "units", "away", is_final=False)
        other = replace(context, context_id="another")
        await deployments.note_render_failure(other, "units", "asset 1: x", is_final=True)
        assert lab.texts(row.task_id, error=True)[-1].endswith("rendered: away")
        assert deployments.current("n1").failed == {}


async def test_a_deployment_acts_on_behalf_of_who_asked_for_its_top_level_task():
    lab, _ = await deployed()
    async with lab:
        context = lab.tasks.deployments.current("n1")
        assert lab.store.task(context.task_id).caller is None
        assert lab.tasks.deployments.on_behalf_of(context) == OPS

        await lab.store.write(*(Remove(Task, t.task_id) for t in lab.store.tasks()))
        assert lab.tasks.deployments.on_behalf_of(context) is None


async def test_reports_work_before_tasks_are_resumed():
    lab, row = await deployed()
    await lab.kill()
    lab.tasks = lab._new()
    assert (await lab.tasks.deployments.report(row.action_id, DONE)).status == "success"
    async with lab:
        pass


SPECS = [BootActionSpec("a"), BootActionSpec("b", signaling=False)]


def empty():
    store = MemoryStore()
    return store, Deployments(store, KEYS, Changes(store, 10))


async def a_deployment(some, task_id="d1", specs=SPECS):
    context = new_context("n1", task_id, "ref", "digest")
    rows = new_rows(context, specs)
    await some._store.write(*some.opening("n1", context, rows))
    return context, rows


async def test_a_deployment_has_a_row_per_boot_action_with_ids_of_their_own():
    store, some = empty()
    context, _ = await a_deployment(some)

    first, second = store.boot_actions("n1")
    assert [(r.name, r.status) for r in (first, second)] == [
        ("a", "incomplete"),
        ("b", "unreported"),
    ]
    assert len({first.action_id, second.action_id}) == 2
    assert len(first.action_id) == 26
    assert store.boot_context("n1") == context
    assert (context.context_id, context.design) == ("d1", "digest")


async def test_the_next_deployment_closes_the_one_before_in_the_same_write():
    store, some = empty()
    await a_deployment(some, "d1")
    writes = []
    store.watch(lambda seq, records: writes.append(records))
    await a_deployment(some, "d2")

    assert len(writes) == 1
    closed = {r.context_id: bool(r.closed) for r in store.boot_actions("n1")}
    assert closed == {"d1": True, "d2": False}
    assert store.boot_context("n1").context_id == "d2"


async def test_a_deployment_without_boot_actions_ends_the_context_before():
    store, some = empty()
    await a_deployment(some)
    await store.write(*some.opening("n1", None, []))

    assert some.current("n1") is None
    assert all(row.closed for row in store.boot_actions("n1"))


async def test_closing_what_is_closed_changes_nothing():
    store, some = empty()
    assert some.closing("n1") == []
    await a_deployment(some)
    await store.write(*some.closing("n1"))
    assert some.closing("n1") == []


async def test_grants_carry_each_actions_own_key():
    _store, some = empty()
    context, rows = await a_deployment(some)
    grants = some.grants(context, rows)
    assert grants["a"].action_key == KEYS.action_key("d1", rows[0].action_id)
    assert grants["a"].action_key != KEYS.node_key(context)


async def test_keys_open_what_is_current_and_the_next_deployment_voids_them():
    _store, some = empty()
    context, (row, _) = await a_deployment(some, "d1")
    node_key, action_key = some.node_key(context), some.grants(context)["a"].action_key
    assert some.admit_node("n1", node_key) == context
    assert some.admit_report(some.action(row.action_id), action_key) == row

    await a_deployment(some, "d2")

    with pytest.raises(Forbidden):
        some.admit_node("n1", node_key)
    with pytest.raises(Forbidden):
        some.admit_report(some.action(row.action_id), action_key)


@pytest.mark.parametrize("action_id", ["", "x" * 10_000, "01ARZ3NDEKTSV4RRFFQ69G5FAV"])
def test_an_id_nobody_gave_is_no_action(action_id):
    _store, some = empty()
    assert some.action(action_id) is None
    with pytest.raises(NotFound, match="Error locating boot action"):
        some.admit_report(None, "key")
