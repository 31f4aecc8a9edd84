"""Whether MAAS can be worked with."""

import pytest

from drydockd.drivers.node.maas.account import Account
from drydockd.drivers.node.maas.checking import Checker
from drydockd.drivers.node.maas.client import MaasClient
from tests.drivers.node.maas.making import options
from tests.peers.maas import Fault, at
from tests.peers.maas.machines import add_machine, add_rack


@pytest.fixture
def region(maas):
    add_rack(maas, "rack1", "52:54:ff:00:00:01", next(iter(maas.vlans)))
    return maas


async def check(client):
    return await Checker(client, Account(client)).check()


def bad(notes):
    return [note.text for note in notes if note.error]


async def test_a_region_that_works_has_no_error(region, client):
    add_machine(region, "n1")
    notes = await check(client)
    assert not bad(notes)
    texts = " ".join(note.text for note in notes)
    for word in ("MAAS 3.6.3", "key is that of admin", "for amd64", "1 of 1 rack"):
        assert word in texts
    assert region.writes() == []


@pytest.mark.parametrize("version", ["3.3.4", "3.4.0", "3.5.1", "3.7.0", "3.8.0~alpha1"])
async def test_versions_from_3_3_to_3_8_are_fine(region, client, version):
    region.version = version
    assert not bad(await check(client))


async def test_an_older_version_is_an_error_and_a_newer_one_is_told(region, client):
    region.version = "2.9.2"
    assert "older than 3.3" in bad(await check(client))[0]
    region.version = "4.0.0"
    notes = await check(client)
    assert not bad(notes)
    assert "newer than 3.8" in notes[0].text


async def test_a_wrong_key_is_seen_though_the_version_answers(region):
    client = MaasClient(options(region, maas_api_key="a:b:nobody-knows-this"))
    notes = await check(client)
    await client.close()
    assert not notes[0].error
    assert len(bad(notes)) == 1
    assert "401" in bad(notes)[0]
    assert "nobody-knows-this" not in str(notes)


async def test_a_user_who_is_no_administrator_is_told(region, client):
    body = {"username": "eve", "is_superuser": False}
    region.faults.append(Fault(at("GET", "users/", "whoami"), status=200, body=body))
    assert "eve, who is no administrator" in bad(await check(client))[0]


async def test_images_of_every_machines_architecture_are_wanted(region, client):
    add_machine(region, "n1", architecture="arm64/generic")
    assert "no images for arm64" in bad(await check(client))[0]
    assert "n1" in bad(await check(client))[0]


async def test_importing_and_no_images_are_errors(region, client):
    region.is_importing = True
    assert "importing" in bad(await check(client))[0]
    region.is_importing, region.resources = False, []
    assert "no images" in bad(await check(client))[0]


async def test_one_healthy_rack_is_enough_and_the_ill_one_is_named(region, client):
    ill = add_rack(region, "rack2", "52:54:ff:00:00:02", None)
    ill.services["dhcpd"] = "dead"
    notes = await check(client)
    assert not bad(notes)
    assert any(note.text == "rack controller rack2: dhcpd is dead" for note in notes)
    region.racks["rack01"].services.pop("tftp")
    assert "rack controller rack1: tftp is unknown" in bad(await check(client))


async def test_no_rack_controller_is_an_error(maas, client):
    assert "no rack controller" in bad(await check(client))[0]


async def test_an_outage_is_an_error_of_its_service_only(region, client):
    region.faults.append(Fault(at("GET", "rackcontrollers/"), status=503))
    notes = await check(client)
    assert len(bad(notes)) == 1
    assert "503" in bad(notes)[0]
