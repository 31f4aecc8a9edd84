"""A deployed machine against a daemon: real HTTP, real tarballs."""

import asyncio
import logging

import pytest

from drydockd.machines import NodeState
from drydockd.plans import BootDelivery
from tests.room.helpers import (
    ACTION,
    INSTANT,
    KEY,
    UNIT,
    Daemon,
    Site,
    a_node,
    a_spec,
    fault,
    quick,
    tar_gz,
    when,
)

OTHER = "01JDQ8Z7C0XQ2V3W4Y5Z6A7B8D"


async def boot(room, boot, node=None):
    """Deploy a node with that boot data; return its machine once its first boot ended."""
    node = node or a_node()
    await Site(room).deploy(node, a_spec(boot=boot))
    return await when(room, lambda m: m.first_boot.state in ("done", "failed"), node)


async def test_a_node_fetches_unpacks_and_reports_details_and_success(room, daemon, tmp_path):
    machine = await boot(room, daemon.boot())
    assert daemon.fetched == {"n1": 2}
    assert machine.first_boot.actions == {ACTION: "recorded"}
    assert [body.get("status") for _, body in daemon.posts] == [None, None, "success"]
    assert all(body["details"][0]["error"] is False for _, body in daemon.posts)
    root = tmp_path / "room0" / machine.id / "1"
    assert (root / "etc/systemd/system/prep.service").read_text() == UNIT
    assert (root / "opt/prep.sh").exists()


async def test_the_number_of_details_is_configured(open_room, daemon):
    await boot(open_room(quick(reports={"details": 5})), daemon.boot())
    assert len(daemon.posts) == 6


async def test_a_node_without_boot_actions_is_done_at_once(room):
    machine = await boot(room, None)
    assert (machine.first_boot.state, machine.first_boot.reason) == ("done", "no boot data")


async def test_a_node_that_finds_no_action_posts_nothing(room, daemon):
    daemon.units = tar_gz()
    machine = await boot(room, daemon.boot())
    assert (machine.first_boot.state, machine.first_boot.reason) == (
        "done",
        "0 boot actions found",
    )
    assert daemon.posts == []


async def test_a_daemon_that_comes_back_is_met_again(room, daemon):
    daemon.trouble = [503, 502, 429, 500, 503]
    machine = await boot(room, daemon.boot())
    assert machine.first_boot.state == "done"
    assert daemon.final == {ACTION: "success"}


async def test_a_daemon_that_is_not_there_yet_is_waited_for(room):
    daemon = Daemon()
    async with daemon.running():
        pass
    await Site(room).deploy(a_node(), a_spec(boot=daemon.boot()))
    await when(room, lambda m: m.first_boot.state == "fetching")
    socket_port = int(daemon.url.rpartition(":")[2])
    async with daemon.running(port=socket_port):
        machine = await when(room, lambda m: m.first_boot.state in ("done", "failed"))
    assert machine.first_boot.state == "done"


async def test_a_node_gives_up_in_the_end_and_says_what_it_saw(open_room):
    room = open_room(quick(reports={"give_up_seconds": 0.05}))
    machine = await boot(room, BootDelivery(KEY, "http://127.0.0.1:9/api", "n1"))
    assert machine.first_boot.state == "failed"
    assert "gave up, last seen: GET http://127.0.0.1:9/api" in machine.first_boot.reason


async def test_a_final_status_whose_answer_was_lost_is_accepted_at_409(room, daemon):
    daemon.deaf = 1
    machine = await boot(room, daemon.boot())
    assert machine.first_boot.actions == {ACTION: "recorded"}
    assert [body.get("status") for _, body in daemon.posts].count("success") == 1


async def test_an_action_that_is_closed_already_is_refused_at_the_first_post(room, daemon):
    daemon.final[ACTION] = "unreported"
    machine = await boot(room, daemon.boot())
    assert machine.first_boot.actions == {ACTION: "refused: status 409"}


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_refused_fetch_fails_the_first_boot(room, daemon, status):
    daemon.trouble = [status]
    machine = await boot(room, daemon.boot())
    assert machine.first_boot.state == "failed"
    assert f"status {status}" in machine.first_boot.reason


async def test_a_hostile_archive_fails_the_first_boot_and_escapes_nowhere(room, daemon, tmp_path):
    daemon.files = tar_gz(("/../../../escaped", "x"))
    machine = await boot(room, daemon.boot())
    assert "the archive of files is refused" in machine.first_boot.reason
    assert not list(tmp_path.rglob("escaped"))
    assert daemon.posts == []


async def test_an_archive_over_the_limit_is_refused(open_room, daemon):
    daemon.files = tar_gz(*((f"/{i}", bytes(range(256)) * 8) for i in range(40)))
    room = open_room(quick(reports={"archive_bytes": 1000}))
    machine = await boot(room, daemon.boot())
    assert "more than 1000 bytes" in machine.first_boot.reason


async def test_a_design_cannot_make_a_machine_post_to_another_host(room, daemon):
    lines = f"BOOTACTION_ID={ACTION}\nBOOTACTION_KEY={KEY}\nBOOTACTION_URL=http://192.0.2.1/x\n"
    daemon.units = tar_gz(("/env", lines))
    machine = await boot(room, daemon.boot())
    assert "neither the daemon's host nor loopback" in machine.first_boot.actions[ACTION]


async def test_several_actions_are_all_reported(room, daemon):
    other = UNIT.replace(ACTION, OTHER)
    daemon.files = tar_gz(("/etc/other.env", other))
    await boot(room, daemon.boot())
    assert daemon.final == {ACTION: "success", OTHER: "success"}


async def test_a_node_with_the_failure_fault_reports_failure(open_room, daemon):
    await boot(open_room(quick(**fault("reports_failure"))), daemon.boot())
    assert daemon.final == {ACTION: "failure"}
    assert daemon.posts[-1][1]["details"][0]["error"] is True


@pytest.mark.parametrize(("kind", "fetches"), [("never_boots", 0), ("never_reports", 2)])
async def test_a_node_that_never_reports_is_deployed_all_the_same(open_room, daemon, kind, fetches):
    machine = await boot(open_room(quick(**fault(kind))), daemon.boot())
    assert machine.state is NodeState.DEPLOYED
    assert machine.first_boot.reason == f"fault {kind}"
    assert (daemon.fetched["n1"], daemon.posts) == (fetches, [])


async def test_a_node_that_loses_power_boots_again_and_repeats_no_final_status(open_room, daemon):
    room = open_room(quick(latencies={"report": 0.05}))
    lab = Site(room)
    await lab.deploy(a_node(), a_spec(boot=daemon.boot()))
    await when(room, lambda m: m.first_boot.state == "reporting")
    await lab.oob.power_off(a_node(), lab.voice)
    await lab.oob.power_on(a_node(), lab.voice)
    machine = await when(room, lambda m: m.first_boot.state == "done")
    assert machine.counters["first_boots"] == 2
    assert machine.counters["power_cuts_deployed"] == 1
    assert [body.get("status") for _, body in daemon.posts].count("success") == 1


async def test_a_destroyed_node_leaves_nothing_on_its_disk(room, daemon, tmp_path):
    machine = await boot(room, daemon.boot())
    await Site(room).nodes.destroy(a_node(), Site(room).voice)
    await room.first_boots_done()
    assert not (tmp_path / "room0" / machine.id).exists()
    assert list((tmp_path / "room0").iterdir()) == []


async def test_keys_are_never_logged_nor_shown(room, daemon, caplog):
    caplog.set_level(logging.DEBUG)
    daemon.trouble = [503, 403]
    await boot(room, daemon.boot())
    await boot(room, daemon.boot("n2"), a_node("n2", number=2))
    assert KEY not in caplog.text
    assert KEY not in repr(await room.machines())


@pytest.mark.slow
async def test_two_hundred_nodes_boot_at_once_and_every_post_arrives_once(open_room, daemon):
    room = open_room(quick(latencies=INSTANT))
    units = f"BOOTACTION_ID={ACTION}\nBOOTACTION_KEY={KEY}\n"
    daemon.units = tar_gz(("/env", units))
    daemon.once = False
    nodes = [a_node(f"n{i}", number=i) for i in range(200)]
    machines = await asyncio.gather(*(boot(room, daemon.boot(n.name), n) for n in nodes))
    assert {m.first_boot.state for m in machines} == {"done"}
    assert set(daemon.fetched.values()) == {2}
    assert len(daemon.fetched) == 200
    assert len(daemon.posts) == 600
