"""Ways of a node through Ironic's states: entered anywhere, each verb once, failures told."""

import contextlib

import pytest

from drydockd.drivers.node.ironic.nodes import instance_of
from drydockd.errors import DriverConflict, DriverPersistent, DriverTransient
from drydockd.machines import NodeState
from tests.drivers.node.ironic.pretend import PretendIronic
from tests.drivers.node.ironic.proxy import proxy, says
from tests.drivers.node.ironic.sites import a_node, a_spec, way

OURS = {"extra": {"drydock": {"deployment_id": "d1"}}, "instance_uuid": instance_of("d1")}
PLANNED = {"extra": {"drydock": {"network": {"links": []}, "root_device": {"serial": "S"}}}}


@contextlib.asynccontextmanager
async def over(ironic, rule=None, **options):
    """A site whose provisioner speaks to `ironic`; `rule` may answer first."""

    def both(request):
        return (rule(request) if rule else None) or ironic(request)

    async with proxy(rule=both) as line, way(line.url, poll_seconds=0.01, **options) as site:
        site.line = line
        yield site


async def commissioned(site):
    handle = await site.provisioner.find(a_node())
    return await site.provisioner.commission(handle, site.voice)


async def deployed(site, deployment_id="d1"):
    handle = await site.provisioner.find(a_node())
    return await site.provisioner.deploy(handle, a_spec(deployment_id), site.voice)


@pytest.mark.parametrize(
    ("provision", "verbs"),
    [
        ("enroll", ["manage", "inspect", "provide"]),
        ("manageable", ["inspect", "provide"]),
        ("inspect failed", ["manage", "inspect", "provide"]),
        ("clean failed", ["manage", "inspect", "provide"]),
        ("available", []),
    ],
)
async def test_commissioning_begins_where_the_node_is(provision, verbs):
    ironic = PretendIronic(provision)
    async with over(ironic) as site:
        assert (await commissioned(site)).state is NodeState.READY
    assert ironic.told == verbs


@pytest.mark.parametrize(
    ("coming", "verbs"),
    [
        (["inspecting", "inspect wait", "manageable"], ["provide"]),
        (["cleaning", "clean wait", "available"], []),
    ],
)
async def test_a_running_commissioning_is_joined(coming, verbs):
    ironic = PretendIronic(coming[0])
    ironic.coming = coming
    async with over(ironic) as site:
        assert (await commissioned(site)).state is NodeState.READY
    assert ironic.told == verbs


async def test_an_inventory_of_before_is_enough_where_the_site_says_so():
    ironic = PretendIronic("manageable")
    async with over(ironic, inspect="missing") as site:
        await commissioned(site)
    assert ironic.told == ["provide"]


async def test_hardware_that_cannot_be_inspected_keeps_its_inventory_or_is_refused():
    ironic = PretendIronic("manageable")
    del ironic.ways["inspect"]
    async with over(ironic) as site:
        await commissioned(site)
        assert "kept the inventory it had" in site.voice.said[1][0]
    ironic = PretendIronic("manageable", inventory=False)
    del ironic.ways["inspect"]
    async with over(ironic) as site:
        with pytest.raises(DriverConflict, match="does not support inspect"):
            await commissioned(site)
    assert ironic.told == []


async def test_an_inspection_of_which_nothing_is_kept_is_told():
    ironic = PretendIronic("manageable", inventory=False)
    ironic.learns = None
    async with over(ironic) as site:
        with pytest.raises(DriverPersistent, match=r"\[inventory\]data_backend"):
            await commissioned(site)
    assert ironic.told == ["inspect"]


@pytest.mark.parametrize(
    ("verb", "states", "kind"),
    [
        ("inspect", ["inspecting", "inspect failed"], DriverTransient),
        ("provide", ["cleaning", "clean failed"], DriverTransient),
        ("manage", ["verifying", "enroll"], DriverConflict),
    ],
)
async def test_a_failed_commissioning_says_why_without_credentials(verb, states, kind):
    ironic = PretendIronic("enroll")
    ironic.ways[verb] = states
    ironic.last[states[-1]] = {"last_error": "cannot reach https://adm:pw77@10.0.0.1/redfish"}
    async with over(ironic) as site:
        with pytest.raises(kind, match=r"cannot reach https://10\.0\.0\.1/redfish") as caught:
            await commissioned(site)
    assert "pw77" not in str(caught.value)


async def test_a_maintenance_of_a_failed_cleaning_is_ended_and_no_other():
    ironic = PretendIronic("clean failed", maintenance=True, fault="clean failure")
    async with over(ironic) as site:
        await commissioned(site)
    assert ironic.node["maintenance"] is False
    ironic = PretendIronic("manageable", maintenance=True, maintenance_reason="new fans")
    async with over(ironic) as site:
        handle = await site.provisioner.find(a_node())
        assert handle.state is NodeState.FOREIGN
        with pytest.raises(DriverConflict, match="new fans"):
            await site.provisioner.commission(handle, site.voice)
        assert not any(request.is_write for request in site.line.seen)


async def test_a_deployment_is_marked_as_ours_in_the_change_that_says_what_it_is():
    ironic = PretendIronic("available", **PLANNED)
    async with over(ironic) as site:
        handle = await deployed(site)
        changes = [r.body for r in site.line.seen if r.method == "PATCH"]
    assert (handle.state, handle.deployment_id) == (NodeState.DEPLOYED, "d1")
    assert ironic.told == ["active"]
    [change] = changes
    assert {entry["path"] for entry in change} == {
        "/instance_info", "/extra/drydock", "/instance_uuid",
    }  # fmt: skip
    assert ironic.node["instance_uuid"] == instance_of("d1")
    assert ironic.node["instance_info"] == {
        "image_source": "http://images/debian-12.qcow2",
        "image_checksum": "0" * 64,
        "image_type": "whole-disk",
        "root_device": {"serial": "S"},
    }
    assert set(ironic.drives[0]) == {"meta_data", "user_data", "network_data"}


@pytest.mark.parametrize("coming", [["active"], ["deploying", "deploy hold", "active"]])
async def test_what_is_deployed_or_deploying_is_joined_and_not_deployed_again(coming):
    ironic = PretendIronic(coming[0], **OURS)
    ironic.coming = coming
    async with over(ironic) as site:
        assert (await deployed(site)).state is NodeState.DEPLOYED
        assert not any(request.is_write for request in site.line.seen)
        assert [text for text, _ in site.voice.said if "holds it" in text] == (
            ["n1: Ironic holds it (deploy hold) until it is unheld"] if len(coming) > 1 else []
        )


async def test_a_failed_deployment_says_why_and_the_next_one_is_released_first():
    ironic = PretendIronic("available", **PLANNED)
    ironic.ways["active"] = ["deploying", "deploy failed"]
    ironic.last["deploy failed"] = {"last_error": "no space on http://a:b@images/x"}
    async with over(ironic) as site:
        with pytest.raises(DriverTransient, match="n1: deployment failed: no space on http://im"):
            await deployed(site)
        ironic.ways["active"] = ["deploying", "active"]
        assert (await deployed(site, "d2")).deployment_id == "d2"
    assert ironic.told == ["active", "deleted", "active"]


async def test_a_deployment_that_was_marked_and_never_begun_is_begun_by_the_next():
    ironic = PretendIronic("available", **OURS)
    ironic.node["extra"]["drydock"]["network"] = {"links": []}
    async with over(ironic) as site:
        await deployed(site, "d2")
    assert ironic.node["instance_uuid"] == instance_of("d2")


async def test_without_a_network_nothing_is_deployed():
    ironic = PretendIronic("available")
    async with over(ironic) as site:
        with pytest.raises(DriverConflict, match="its network was not written"):
            await deployed(site)
        assert not any(request.is_write for request in site.line.seen)


async def test_a_lock_of_ironics_is_waited_for():
    ironic = PretendIronic("available", **PLANNED)
    locked = [says(409, "Node u is locked by host c1, please retry after")] * 2

    def rule(request):
        return locked.pop() if request.target == "active" and locked else None

    async with over(ironic, rule) as site:
        assert (await deployed(site)).state is NodeState.DEPLOYED
    assert ironic.told == ["active"]


async def test_a_release_is_marked_told_and_ends_with_nothing_of_ours_left():
    ironic = PretendIronic("active", **OURS)
    ironic.node["extra"]["drydock"]["traits"] = ["CUSTOM_A"]
    ironic.traits = {"CUSTOM_A", "CUSTOM_THEIRS"}
    async with over(ironic) as site:
        await site.provisioner.destroy(a_node(), site.voice)
    assert ironic.told == ["deleted"]
    assert ironic.node["extra"] == {}
    assert ironic.traits == {"CUSTOM_THEIRS"}


async def test_what_we_enrolled_is_forgotten_and_again_is_fine():
    ironic = PretendIronic("active", **OURS)
    ironic.node["extra"]["drydock"]["enrolled"] = True
    async with over(ironic) as site:
        await site.provisioner.destroy(a_node(), site.voice)
        assert ironic.node is None
        ironic.ports = []
        await site.provisioner.destroy(a_node(), site.voice)
    assert site.voice.said[-1][0] == "n1: Ironic does not know it, nothing to wipe"


@pytest.mark.parametrize(
    ("own", "conductors", "is_wiped"),
    [(False, True, False), (None, False, False), (True, False, True), (None, True, True)],
)
async def test_nothing_is_released_that_would_not_be_cleaned(own, conductors, is_wiped):
    ironic = PretendIronic("active", automated_clean=own, **OURS)
    async with over(ironic, automated_clean=conductors) as site:
        if is_wiped:
            await site.provisioner.destroy(a_node(), site.voice)
        else:
            with pytest.raises(DriverPersistent, match=r"automated_clean of .* is off"):
                await site.provisioner.destroy(a_node(), site.voice)
            assert not any(request.is_write for request in site.line.seen)
    assert ironic.told == (["deleted"] if is_wiped else [])


async def test_a_failed_wipe_keeps_the_node_and_is_done_anew_by_the_next():
    ironic = PretendIronic("active", **OURS)
    ironic.ways["deleted"] = ["deleting", "cleaning", "clean failed"]
    ironic.last["clean failed"] = {
        "maintenance": True, "fault": "clean failure", "last_error": "disk sda does not erase",
    }  # fmt: skip
    async with over(ironic) as site:
        with pytest.raises(DriverTransient, match="the wipe failed: disk sda does not erase"):
            await site.provisioner.destroy(a_node(), site.voice)
        assert (await site.provisioner.find(a_node())).state is NodeState.FAILED_RELEASE
        await site.provisioner.destroy(a_node(), site.voice)
    assert ironic.told == ["deleted", "manage", "provide"]
    assert ironic.node["extra"] == {}


@pytest.mark.parametrize("is_marked", [True, False])
async def test_a_running_wipe_is_joined(is_marked):
    ironic = PretendIronic("cleaning", extra={"drydock": {"deployment_id": "d1"}})
    ironic.node["extra"]["drydock"]["releasing"] = is_marked
    ironic.coming = ["cleaning", "clean wait", "available"]
    async with over(ironic) as site:
        await site.provisioner.destroy(a_node(), site.voice)
    assert (ironic.told, ironic.node["extra"]) == ([], {})


async def test_a_deployment_that_waits_for_its_agent_for_ever_is_ended():
    ironic = PretendIronic("wait call-back", **OURS)
    async with over(ironic) as site:
        await site.provisioner.destroy(a_node(), site.voice)
        # In that state it takes no changes.
        assert [r.method for r in site.line.seen if r.is_write] == ["PUT", "PATCH"]
    assert ironic.told == ["deleted"]


async def test_a_release_that_fails_is_told_once():
    ironic = PretendIronic("active", **OURS)
    ironic.ways["deleted"] = ["deleting", "error"]
    ironic.last["error"] = {"last_error": "power does not go off"}
    async with over(ironic) as site:
        with pytest.raises(DriverTransient, match="release failed: power does not go off"):
            await site.provisioner.destroy(a_node(), site.voice)
    assert ironic.told == ["deleted"]
