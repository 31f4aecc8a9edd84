"""What the recording tells of one machine's network and disks by values, not only by keys."""

import pytest

from tests.peers.maas import Simulator, documents
from tests.peers.maas.core import Call, Refuse
from tests.peers.maas.machines import a_disk, a_nic, add_machine
from tests.peers.maas.site import add_subnet, add_vlan, furnished
from tests.peers.maas.storage import settle

LAYOUT = "machines/sid001/"


@pytest.fixture
def sim():
    region = furnished(Simulator())
    machine = add_machine(region, "m1", bios_boot_method="pxe")
    machine.blockdevices = {1: a_disk("sda", 100_000_000_000), 2: a_disk("sdb", 100_000_000_000)}
    machine.boot_disk = 1
    settle(machine)
    return region


def ask(sim, method, path, op=None, **form):
    fields = {name: [str(value)] for name, value in form.items()}
    call = Call(method, path, op, {}, fields)
    return sim._routed(call).act(sim, call)


def refused(sim, *request, **form):
    with pytest.raises(Refuse) as told:
        ask(sim, *request, **form)
    return told.value.status, told.value.body


def test_a_disk_has_less_than_its_size(sim):
    sizes = [
        (d["id"], d["name"], d["size"], d["available_size"])
        for d in ask(sim, "GET", "nodes/sid001/blockdevices/")
    ]
    assert sizes == [
        (1, "sda", 100000000000, 99992207360),
        (2, "sdb", 100000000000, 99992207360),
    ]


def test_rows_15_and_16_a_flat_layout_with_boot(sim):
    form = {"storage_layout": "flat", "root_device": 1, "root_size": 10**10, "boot_size": 10**9}
    ask(sim, "POST", LAYOUT, "set_storage_layout", **form)
    sda, sdb = ask(sim, "GET", "nodes/sid001/blockdevices/")
    parts = [
        (p["size"], p["path"], p["filesystem"]["mount_point"], p["bootable"])
        for p in sda["partitions"]
    ]
    assert (sda["available_size"], sda["used_for"], parts) == (
        88994742272,
        "GPT partitioned with 2 partitions",
        [
            (998244352, "/dev/disk/by-dname/sda-part2", "/boot", True),
            (9999220736, "/dev/disk/by-dname/sda-part3", "/", False),
        ],
    )
    assert (sdb["available_size"], sdb["used_for"], sdb["partitions"]) == (
        99992207360,
        "Unused",
        [],
    )


def test_row_15_the_least_root(sim):
    form = {"storage_layout": "flat", "root_size": 3221225471}
    assert refused(sim, "POST", LAYOUT, "set_storage_layout", **form) == (
        400,
        {"root_size": ["Size is too small. Minimum size is 3221225472."]},
    )
    ask(sim, "POST", LAYOUT, "set_storage_layout", storage_layout="flat", root_size=3221225472)


def test_row_5_partitions_have_no_slash(sim):
    part = ask(sim, "POST", "nodes/sid001/blockdevices/2/partitions/", size=10**9)
    for path in ("partition", "partitions"):
        one = f"nodes/sid001/blockdevices/2/{path}/{part['id']}"
        assert ask(sim, "GET", one)["size"] == 998244352
        assert refused(sim, "GET", one + "/")[0] == 404


def test_a_disk_is_changed_while_its_machine_is_ready(sim):
    sim.machines["sid001"].status_name = "Allocated"
    status, text = refused(sim, "POST", "nodes/sid001/blockdevices/2/partitions/", size=10**9)
    assert (status, text) == (409, "Cannot create partition because the machine is not Ready.")


def test_row_8_links_add_up(sim):
    machine = sim.machines["sid001"]
    tagged = add_vlan(sim, 0, 100, "v100")
    subnet = add_subnet(sim, "172.22.8.0/24", tagged, "pub", "172.22.8.1")
    machine.interfaces = {10: a_nic("eno1", "52:54:00:00:00:01", tagged)}
    path = "nodes/sid001/interfaces/10/"
    form = {"subnet": subnet, "mode": "static", "ip_address": "172.22.8.20"}
    ask(sim, "POST", path, "link_subnet", default_gateway=True, **form)
    answer = ask(sim, "POST", path, "link_subnet", subnet=subnet, mode="dhcp")
    assert [link["mode"] for link in answer["links"]] == ["static", "dhcp"]
    shown = documents.machine(sim, machine)
    assert shown["default_gateways"]["ipv4"]["gateway_ip"] == "172.22.8.1"
    assert refused(sim, "POST", path, "link_subnet", subnet=subnet, mode="link_up")[0] == 400
    forced = ask(sim, "POST", path, "link_subnet", subnet=subnet, mode="link_up", force=True)
    assert [link["mode"] for link in forced["links"]] == ["link_up"]


def test_row_9_a_subnet_of_another_vlan_is_not_found(sim):
    tagged = add_vlan(sim, 0, 100, "v100")
    subnet = add_subnet(sim, "172.22.8.0/24", tagged)
    number = next(iter(sim.machines["sid001"].interfaces))
    form = {"subnet": subnet, "mode": "static", "ip_address": "172.22.8.20"}
    told = refused(sim, "POST", f"nodes/sid001/interfaces/{number}/", "link_subnet", **form)
    assert told == (
        400,
        {"subnet": [f"None found with id={subnet}.", "This field is required."]},
    )


def test_parts_of_a_machine_that_are_not_there_are_404(sim):
    for path in (
        "nodes/nosuch/interfaces/",
        "nodes/sid001/interfaces/1/",
        "nodes/sid001/blockdevices/9/",
        "nodes/sid001/volume-group/9/",
        "tags/nosuch/",
    ):
        assert refused(sim, "GET", path)[0] == 404
