"""The room's Redfish BMC, by drydockd's own driver and by hand: power, boot device, identity."""

import httpx
import pytest

from drydockd.drivers.oob.redfish.driver import RedfishOob
from drydockd.drivers.oob.redfish.options import RedfishOptions
from drydockd.errors import DriverPersistent, Unavailable
from drydockd.machines import PowerState
from drydockd.room.qemu import redfish
from drydockd.room.qemu.redfish import RESET, SESSIONS, SYSTEM, Facts, RedfishBmc
from drydockd.room.qemu.switch import Switch
from drydockd.site import Addressing, HardwareProfile, Node
from tests.drivers.oob.redfish.conftest import OPTIONS, QUICK
from tests.room.helpers import Voice
from tests.room.qemu.test_bmc import MACHINE

FACTS = Facts(
    "n1", "QEMU-0001", "8d3f6f52-30c2-4c6e-9a8c-0d5b1b2f0001",
    ("52:54:00:dd:01:00", "52:54:00:dd:01:01"), "Legacy",
)  # fmt: skip


@pytest.fixture
async def bmc(tmp_path):
    (tmp_path / "machine").write_text(MACHINE)
    (tmp_path / "machine").chmod(0o755)
    bmc = RedfishBmc("127.0.0.1", 0, "admin", "s3cret", FACTS, Switch(tmp_path))
    bmc.start()
    bmc.wait()
    yield bmc
    bmc.stop()


@pytest.fixture
async def driver():
    driver = RedfishOob(RedfishOptions(**OPTIONS), pace=QUICK)
    yield driver
    await driver.close()


def node_of(bmc, *, boot_mode="bios", **oob):
    given = {"account": "admin", "credential": "s3cret", "network": "oob", "port": str(bmc.port)}
    return Node(
        name="n1",
        oob_type="redfish",
        oob_parameters={**given, **oob},
        addressing=(Addressing("oob", "static", "127.0.0.1"),),
        boot_mac="52:54:00:dd:01:00",
        hardware=HardwareProfile(name="hw", boot_mode=boot_mode),
    )


def starts(bmc):
    return (bmc.switch.folder / "starts").read_text().split()


async def test_a_deployments_way_through_the_power_network_once_then_disk(bmc, driver):
    node, voice = node_of(bmc), Voice()
    assert await driver.power_state(node) is PowerState.OFF
    await driver.set_network_boot(node, voice)
    await driver.power_on(node, voice)
    assert await driver.power_state(node) is PowerState.ON
    assert bmc.enabled == "Disabled"
    await driver.power_off(node, voice)
    await driver.set_disk_boot(node, voice)
    await driver.power_on(node, voice)
    await driver.power_off(node, voice)
    assert starts(bmc) == ["pxe", "default"]


async def test_it_tells_who_it_is(bmc, driver):
    facts = await driver.facts(node_of(bmc))
    assert (facts.serial, facts.uuid) == (FACTS.serial, FACTS.uuid)
    await driver.power_state(node_of(bmc, serial="QEMU-0001"))
    with pytest.raises(DriverPersistent, match="serial QEMU-0001, not OTHER"):
        await driver.power_state(node_of(bmc, serial="OTHER"))


async def test_a_wrong_password_is_refused(bmc, driver):
    with pytest.raises(DriverPersistent):
        await driver.power_state(node_of(bmc, credential="wrong"))
    with pytest.raises(DriverPersistent):
        await RedfishOob(RedfishOptions(**OPTIONS, session="basic"), pace=QUICK).power_state(
            node_of(bmc, credential="wrong")
        )


@pytest.fixture
async def http(bmc):
    login = ("admin", "s3cret")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{bmc.port}", auth=login) as http:
        yield http


async def test_nothing_but_the_root_and_a_login_is_open(bmc):
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{bmc.port}") as http:
        assert (await http.get("/redfish/v1/")).status_code == 200
        for method, path in (("GET", SYSTEM), ("PATCH", SYSTEM), ("POST", RESET)):
            assert (await http.request(method, path)).status_code == 401, path
        for login in ("rubbish", "Basic !", "Bearer x"):
            refused = await http.get(SYSTEM, headers={"Authorization": login})
            assert refused.status_code == 401
    assert not bmc.switch.is_on()


async def test_a_session_ends_with_its_logout_and_the_oldest_of_too_many_goes(http, bmc):
    body = {"UserName": "admin", "Password": "s3cret"}
    made = await http.post(SESSIONS, json=body)
    path, token = made.headers["Location"], made.headers["X-Auth-Token"]
    assert (await http.get(path, headers={"X-Auth-Token": token})).status_code == 200
    assert (await http.delete(path)).status_code == 204
    assert (await http.delete(path)).status_code == 404
    for _ in range(redfish.MOST_SESSIONS + 3):
        await http.post(SESSIONS, json=body)
    assert len(bmc.tokens) == redfish.MOST_SESSIONS


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PATCH", SYSTEM, {"Boot": {"BootSourceOverrideTarget": "Floppy"}}, 400),
        ("PATCH", SYSTEM, {"Boot": {"BootSourceOverrideMode": "UEFI"}}, 400),
        ("PATCH", SYSTEM, {"AssetTag": "x"}, 400),
        ("PATCH", SYSTEM, [], 400),
        ("PATCH", SESSIONS, {}, 405),
        ("POST", RESET, {"ResetType": "Nmi"}, 400),
        ("POST", "/redfish/v1/Systems/2", {}, 404),
        ("GET", "/redfish/v1/Systems/2", None, 404),
        ("GET", f"{SYSTEM}/EthernetInterfaces/7", None, 404),
    ],
)
async def test_what_it_cannot_is_refused_in_the_standards_words(
    http, bmc, method, path, body, status
):
    before = (bmc.target, bmc.enabled)
    answer = await http.request(method, path, json=body)
    assert answer.status_code == status
    assert answer.json()["error"]["@Message.ExtendedInfo"][0]["MessageId"].startswith("Base.")
    assert (bmc.target, bmc.enabled) == before


async def test_what_is_no_json_is_refused(http):
    assert (await http.post(RESET, content=b"{")).status_code == 400


async def test_a_machine_that_does_not_start_is_an_error_of_the_bmc(http, bmc):
    (bmc.switch.folder / "machine").write_text("#!/bin/sh\necho no memory\nexit 1\n")
    answer = await http.post(RESET, json={"ResetType": "On"})
    assert answer.status_code == 500
    assert "no memory" in answer.json()["error"]["message"]


async def test_a_restart_is_a_start_from_the_device_that_was_set(http, bmc):
    wanted = {"BootSourceOverrideTarget": "Pxe", "BootSourceOverrideEnabled": "Continuous"}
    assert (await http.patch(SYSTEM, json={"Boot": wanted})).status_code == 204
    for _ in range(2):
        assert (await http.post(RESET, json={"ResetType": "ForceRestart"})).status_code == 204
    assert starts(bmc) == ["pxe", "pxe"]
    assert (await http.get(SYSTEM)).json()["PowerState"] == "On"


async def test_a_port_that_is_taken_is_told_with_the_machine(bmc):
    other = RedfishBmc("127.0.0.1", bmc.port, "a", "b", FACTS, bmc.switch)
    with pytest.raises(Unavailable, match="the BMC of n1 cannot listen on "):
        other.start()
