"""The images that MAAS has."""

from drydockd.drivers.node.maas import images
from tests.peers.maas.site import add_resource


async def test_all_three_spellings_of_an_image_are_offered(maas, client):
    offered = images.offered(await images.resources(client))
    kernels = ("ga-22.04", "ga-22.04-lowlatency", "hwe-22.04")
    assert offered == dict.fromkeys(("jammy", "ubuntu/jammy", "22.04"), kernels)


async def test_other_systems_and_entries_of_newer_versions_are_left_out(maas, client):
    add_resource(maas, "centos/8", "amd64/generic")
    add_resource(maas, "ubuntu/noble", "arm64/ga-24.04", "Whatever")
    maas.resources += [{"id": 9, "name": None}, {"id": 10}]
    entries = await images.resources(client)
    assert set(images.offered(entries)) == {
        *("jammy", "ubuntu/jammy", "22.04"),
        *("noble", "ubuntu/noble", "24.04"),
    }
    assert images.architectures(entries) == {"amd64", "arm64"}
