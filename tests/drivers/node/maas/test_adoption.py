"""A machine gets the node's name, and where asked for its BMC's account."""

import pytest

from drydockd.drivers.node.maas.adoption import Adopter
from drydockd.drivers.node.maas.answers import Refused
from drydockd.drivers.node.maas.lifecycle import Lifecycle
from drydockd.errors import DriverConflict, DriverUnsupported
from tests.drivers.node.maas.making import Killed, a_node, cut_client
from tests.peers.maas.machines import add_machine


async def adopt(client, machine, node, domain=None, *, with_power=False):
    life = Lifecycle(client, poll_seconds=1)
    handle = (await life.read(machine.system_id)).handle()
    return await Adopter(client, life, with_power=with_power).adopt(handle, node, domain)


async def test_name_and_domain_are_sent_once_and_a_missing_domain_is_made(maas, client):
    machine = add_machine(maas, "swift-fox", status_name="New")
    for _ in range(2):
        assert (await adopt(client, machine, a_node(), "lab.example")).fqdn == "n1.lab.example"
    # The first is refused: there is no such domain yet.
    assert maas.writes() == ["PUT machines/sid001/", "POST domains/", "PUT machines/sid001/"]


async def test_an_unknown_domain_is_left_as_it_is(maas, client):
    machine = add_machine(maas, "swift-fox")
    assert (await adopt(client, machine, a_node())).domain == "maas"


async def test_a_put_refused_because_of_another_field_tells_that_field(maas, client):
    machine = add_machine(maas, "swift-fox", architecture="arm64/generic")
    with pytest.raises(Refused, match="architecture: 'arm64/generic' is not a valid"):
        await adopt(client, machine, a_node())
    assert machine.hostname == "swift-fox"


async def test_an_underscore_is_refused_before_maas_is_asked(maas, client):
    machine = add_machine(maas, "swift-fox")
    with pytest.raises(DriverUnsupported, match="bad_name"):
        await adopt(client, machine, a_node("bad_name"))
    assert maas.writes() == []


async def test_other_nics_are_another_machine(maas, client):
    machine = add_machine(maas, "swift-fox")
    with pytest.raises(DriverConflict, match="52:54:00:ff:ff:ff"):
        await adopt(client, machine, a_node(boot_mac="52:54:00:FF:FF:FF"))
    assert machine.hostname == "swift-fox"


async def test_type_and_all_fields_of_the_power_go_together(maas, client, caplog):
    caplog.set_level("DEBUG")
    machine = add_machine(maas, "n1", power_type="manual")
    node = a_node(oob_type="redfish")
    await adopt(client, machine, node, with_power=True)
    assert machine.power_type == "redfish"
    assert machine.power_parameters == {
        "power_address": "172.22.9.1",
        "power_user": "root",
        "power_pass": "calvin-pass",
    }
    assert "calvin-pass" not in caplog.text


async def test_libvirt_is_virsh_with_the_nodes_name(maas, client):
    machine = add_machine(maas, "n1")
    uri = "qemu+ssh://a@b/system"
    node = a_node(oob_type="libvirt", oob_parameters={"libvirt_uri": uri}, addressing=())
    await adopt(client, machine, node)
    assert machine.power_type == "virsh"
    assert machine.power_parameters == {"power_address": uri, "power_id": "n1"}


async def test_without_the_option_the_power_stays_as_maas_has_it(maas, client):
    machine = add_machine(maas, "swift-fox")
    before = dict(machine.power_parameters)
    await adopt(client, machine, a_node())
    assert machine.power_parameters == before


@pytest.mark.parametrize("is_sent", [False, True], ids=["not sent", "sent"])
async def test_kill_9_between_any_two_calls_renames_once(maas, is_sent):
    for number in range(20):
        maas.machines.clear()
        maas.done.clear()
        maas.domains = {0: {"name": "maas", "authoritative": True}}
        machine = add_machine(maas, "swift-fox")
        client, cut = cut_client(maas, number, is_sent=is_sent)
        try:
            await adopt(client, machine, a_node(), "lab")
        except Killed:
            await client.close()
            client, _ = cut_client(maas)
            await adopt(client, machine, a_node(), "lab")
        await client.close()
        assert (machine.hostname, machine.domain) == ("n1", "lab")
        assert len(maas.domains) == 2
        assert maas.done["change", "sid001"] == 1
        if not cut.was_cut:
            break
    assert number > 3
