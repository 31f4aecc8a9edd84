"""A machine gets its tags: beside other nodes' runs, after faults, and after being cut off."""

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest

from drydockd.drivers.node.maas.platform import apply_platform
from drydockd.drivers.node.maas.taglist import TagList
from drydockd.errors import DriverTransient, DriverUnsupported
from drydockd.plans import PlatformPlan
from tests.drivers.node.maas.making import Killed, cut_client
from tests.drivers.node.maas.plans import commissioned
from tests.peers.maas import Fault, Simulator, at
from tests.peers.maas.site import furnished

PLAN = PlatformPlan("jammy", "ga-22.04", "quiet nosmt", "n1_kp", ("gpu", "rack1"))


async def test_kernel_options_and_tags_of_the_design(maas, client):
    machine, handle = commissioned(maas)
    await apply_platform(client, handle, PLAN)
    assert machine.tag_names == {"n1_kp", "gpu", "rack1"}
    assert maas.tags["n1_kp"]["kernel_opts"] == "quiet nosmt"


async def test_a_second_run_reads_and_changes_nothing(maas, client):
    _, handle = commissioned(maas)
    await apply_platform(client, handle, PLAN)
    before = len(maas.calls)
    await apply_platform(client, handle, PLAN)
    assert [call.method for call in maas.calls[before:]] == ["GET", "GET"]


async def test_the_tags_are_read_once_for_all_nodes(maas, client):
    taglist = TagList(client, seconds=60)
    _, handle = commissioned(maas)
    await apply_platform(client, handle, PLAN, taglist=taglist)
    before = len(maas.calls)
    machine, other = commissioned(maas, "n2")
    await apply_platform(client, other, replace(PLAN, tag="n2_kp"), taglist=taglist)
    assert machine.tag_names == {"n2_kp", "gpu", "rack1"}
    assert len(maas.calls) == before + 5
    assert maas.counted("GET", "tags/") == 1


async def test_kernel_options_of_an_earlier_life_are_those_of_the_design_now(maas, client):
    machine, handle = commissioned(maas)
    maas.tags["n1_kp"] = {"definition": "", "comment": "", "kernel_opts": "old"}
    await apply_platform(client, handle, PLAN)
    assert maas.tags["n1_kp"]["kernel_opts"] == "quiet nosmt"
    assert "n1_kp" in machine.tag_names


async def test_what_the_design_drops_is_dropped(maas, client):
    machine, handle = commissioned(maas)
    await apply_platform(client, handle, PLAN)
    machine.tag_names.add("by-hand")
    maas.tags["by-hand"] = {"definition": "", "comment": "mine", "kernel_opts": ""}
    await apply_platform(client, handle, replace(PLAN, kernel_params="", static_tags=("gpu",)))
    assert machine.tag_names == {"gpu", "by-hand"}
    assert "n1_kp" not in maas.tags
    assert "rack1" in maas.tags


async def test_a_tag_that_another_node_makes_between_is_no_error(maas, client):
    machine, handle = commissioned(maas)

    def made():
        maas.tags["gpu"] = {"definition": "", "comment": "made by drydockd", "kernel_opts": ""}

    hits = at("POST", "tags/")
    maas.faults.append(Fault(lambda call: hits(call) and call.get("name") == "gpu", before=made))
    await apply_platform(client, handle, PLAN)
    assert machine.tag_names == {"n1_kp", "gpu", "rack1"}


async def test_a_tag_that_somebody_removes_is_made_again(maas, client):
    taglist = TagList(client, seconds=60)
    _, handle = commissioned(maas)
    await apply_platform(client, handle, PLAN, taglist=taglist)
    maas.tags.clear()
    machine, other = commissioned(maas, "n2")
    await apply_platform(client, other, replace(PLAN, tag="n2_kp"), taglist=taglist)
    assert machine.tag_names == {"n2_kp", "gpu", "rack1"} == set(maas.tags)


async def test_many_nodes_at_once_make_a_tag_once_and_are_refused_nothing(maas, client):
    taglist = TagList(client, seconds=60)
    names = [f"n{number}" for number in range(6)]
    placed = [commissioned(maas, name) for name in names]
    async with asyncio.TaskGroup() as group:
        for name, (_, handle) in zip(names, placed, strict=True):
            plan = replace(PLAN, tag=f"{name}_kp")
            group.create_task(apply_platform(client, handle, plan, taglist=taglist))
    for name, (machine, _) in zip(names, placed, strict=True):
        assert machine.tag_names == {f"{name}_kp", "gpu", "rack1"}
    assert maas.counted("POST", "tags/") == len(names) + 2
    assert maas.counted("GET", "tags/") == 1


async def test_a_deployed_machine_and_a_rack_controller_are_left_alone(maas, client):
    _, handle = commissioned(maas, status_name="Deployed")
    await apply_platform(client, handle, PLAN)
    await apply_platform(client, replace(handle, kind="infrastructure"), PLAN)
    assert maas.writes() == []


async def test_a_name_that_maas_refuses_costs_no_request(maas, client):
    _, handle = commissioned(maas)
    with pytest.raises(DriverUnsupported):
        await apply_platform(client, handle, replace(PLAN, static_tags=("node1.x",)))
    assert maas.calls == []


@pytest.mark.parametrize(
    "fault", [{"status": 503}, {"is_lost": True}, {"is_dropped": True}], ids=str
)
@pytest.mark.parametrize(("path", "op"), [("tags/", None), ("tags/gpu/", "update_nodes")])
async def test_a_fault_between_is_looked_at_anew(maas, client, path, op, fault):
    machine, handle = commissioned(maas)
    maas.faults.append(Fault(at("POST", path, op), **fault))
    await apply_platform(client, handle, PLAN)
    assert machine.tag_names == {"n1_kp", "gpu", "rack1"}


async def test_a_maas_that_stays_away_is_told_as_transient(maas, client):
    _, handle = commissioned(maas)
    maas.faults.append(Fault(at("POST", "tags/"), times=99, status=503))
    with pytest.raises(DriverTransient):
        await apply_platform(client, handle, PLAN)


@pytest.mark.parametrize("is_sent", [False, True], ids=["before MAAS", "after MAAS"])
async def test_killed_at_any_request_the_next_run_ends_as_one_that_was_not(is_sent):
    for number in range(9):
        region = furnished(Simulator())
        await region.start()
        machine, handle = commissioned(region)
        client, cut = cut_client(region, number, is_sent=is_sent)
        with suppress(Killed):
            await apply_platform(client, handle, PLAN)
        cut.at = None
        await apply_platform(client, handle, PLAN)
        await client.close()
        await region.stop()
        assert machine.tag_names == {"n1_kp", "gpu", "rack1"}
        assert {name for (_, name) in region.done} == {"n1_kp", "gpu", "rack1"}
        assert set(region.done.values()) == {1}
