"""The driver and the scripted BMC against what others wrote."""

import pytest

from drydockd.machines import PowerState
from tests.drivers.oob.redfish.conftest import a_driver, a_node
from tests.peers.bmc import ACCOUNT, PASSWORD, Machine
from tests.peers.certificates import Authority
from tests.peers.sushy import MAC, UUID, sushy, validate
from tests.room.helpers import Voice

pytestmark = [pytest.mark.peer("bmc"), pytest.mark.slow, pytest.mark.process]


async def test_openstacks_emulator_goes_through_a_whole_power_cycle(sushy_emulator):
    driver = a_driver(power_state_change_retry_interval=0.2, power_state_change_max_retries=300)
    node, voice = a_node(sushy_emulator), Voice()
    assert await driver.power_state(node) is PowerState.OFF
    await driver.set_network_boot(node, voice)
    await driver.power_on(node, voice)
    await driver.power_off(node, voice)
    await driver.set_network_boot(node, voice)
    await driver.power_on(node, voice)
    facts = await driver.facts(node)
    assert (facts.power, facts.uuid, facts.macs) == (PowerState.ON, UUID, (MAC,))
    # It knows no sessions, and reads Once back as Continuous.
    assert facts.boot_device == "network, every start"
    assert any("it has no sessions" in odd for odd in facts.odd)


async def test_openstacks_client_works_with_the_scripted_bmc(lab):
    a = await lab(Machine(power="Off"))
    url = f"http://127.0.0.1:{a.bmc.port}"
    assert await sushy(url, ACCOUNT, PASSWORD) == {
        "power": ["Off", "On", "Off"],
        "uuid": a.machine.uuid,
        "maker": "Example Inc.",
        "boot": ["Pxe", "Once"],
    }


async def test_the_scripted_bmc_keeps_to_the_protocol(lab, tmp_path):
    context, _ = Authority(tmp_path).context(is_self_signed=True)
    a = await lab(context=context, options={"use_ssl": True}, leaves_sessions=True)
    a.bmc.limit = 64
    failed = await validate(tmp_path, f"https://127.0.0.1:{a.bmc.port}", ACCOUNT, PASSWORD)
    # It has no accounts beside its own, so no roles either.
    assert failed.keys() == {"SEC_PRIV_SUPPORT_PREDEFINED_ROLES"}, failed
