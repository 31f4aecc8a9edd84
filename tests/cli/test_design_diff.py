import pytest

from drydockd.cli.design_diff import Change, as_json, as_lines, difference
from drydockd.design.compile import compile_site
from drydockd.machines import Document, Inventory
from tests.cases import CASES
from tests.cli.designs import SMALL
from tests.designs import on_designs
from tests.sites.folder import on_site_files


def the_site(text):
    site, findings = compile_site(text.encode())
    assert not [finding for finding in findings if finding.error], findings
    return site


async def changes(*replacements, node="w01"):
    text = SMALL
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    found = await difference(the_site(SMALL), the_site(text))
    return {
        section: {what: (c.before, c.after) for what, c in of_section.items()}
        for section, of_section in found.changed.get(node, {}).items()
    }


async def test_a_design_does_not_differ_from_itself():
    found = await difference(the_site(SMALL), the_site(SMALL))

    assert not found
    assert found.unchanged == 2


@pytest.mark.parametrize(
    "path", [*on_designs("foundry"), *on_site_files("seaworthy", "intel-pod15")]
)
async def test_a_whole_design_does_not_differ_from_itself(path):
    text = path.read_text()

    assert not await difference(the_site(text), the_site(text))


async def test_an_address_changes_with_its_network_plan_unchanged():
    found = await changes(("10.9.0.11", "10.9.0.77"))

    assert found == {"addresses": {"lan": ("10.9.0.11", "10.9.0.77")}}


async def test_a_partition_changes_by_its_size_and_its_filesystem():
    found = await changes(("size: 60g", "size: 70g"), ("fstype: xfs", "fstype: ext4"))

    root = "physical_devices/sda/partitions/root"
    assert found == {
        "storage": {
            f"{root}/size": ("60g", "70g"),
            f"{root}/filesystem/fstype": ("xfs", "ext4"),
        }
    }


async def test_image_kernel_and_arguments_change():
    found = await changes(
        ("image: jammy", "image: noble"), ("ga-22.04", "ga-24.04"), ("quiet: true, ", "")
    )

    assert found["kernel"] == {
        "image": ("jammy", "noble"),
        "kernel": ("ga-22.04", "ga-24.04"),
        "arguments": ("quiet console=ttyS0 nosmt", "console=ttyS0 nosmt"),
    }


async def test_packages_come_go_and_change_their_version():
    found = await changes(("curl: '7.0-1', vim: null", "curl: '8.0-1', htop: null"))

    assert found == {
        "packages": {
            "curl": ("7.0-1", "8.0-1"),
            "vim": ("any version", None),
            "htop": (None, "any version"),
        }
    }


async def test_an_asset_changes_with_its_content_its_mode_or_its_source():
    content = await changes(("I am ", "Here is "))
    mode = await changes(("'0644'", "'0600'"))
    source = await changes(("files.example/{{", "other.example/{{"))

    assert list(content["assets"]) == ["/etc/motd"]
    assert "mode 0600" in mode["assets"]["/etc/motd"][1]
    before, after = source["assets"]["/etc/systemd/system/x.service"]
    assert "files.example" in before
    assert "other.example" in after


async def test_links_and_routes_change_the_network():
    found = await changes(
        ("{allowed_networks: [lan],", "{mtu: 9000, allowed_networks: [lan],"),
        ("gateway: 10.9.0.1}", "gateway: 10.9.0.254}"),
        ("vf_count: 4", "vf_count: 8"),
    )

    assert found["network"] == {
        "default gateway": ("10.9.0.1", "10.9.0.254"),
        "eno1 mtu": ("1500", "9000"),
        "eno1 sriov": ("4 functions", "8 functions"),
        "eno1 route 0.0.0.0/0 on lan": ("via 10.9.0.1 metric 100", "via 10.9.0.254 metric 100"),
    }


async def test_tags_and_labels_change():
    found = await changes(("tags: [gpu]", "tags: [tpu]"), ("tier: '2'", "tier: '3'"))

    assert found == {
        "labels": {"tags": ("gpu, worker, prod", "tpu, worker, prod"), "tier": ("2", "3")}
    }


async def test_nodes_come_and_go():
    found = await difference(the_site(SMALL), the_site(SMALL.replace("name: w02", "name: w03")))

    assert (found.added, found.removed, found.unchanged) == (["w03"], ["w02"], 1)
    assert as_lines(found) == [
        "- node w02 is removed",
        "+ node w03 is added",
        "0 changed, 1 added, 1 removed, 1 unchanged",
    ]


async def test_what_cannot_be_made_is_a_value_like_any_other():
    found = await changes(
        ("allowed_networks: [lan]", "allowed_networks: []"), ("{{ node.hostname }},", "{{ oops }},")
    )

    assert found["network"]["plan"][1].startswith("cannot be made: node w01: interface eno1")
    assert found["assets"]["boot data"][1].startswith("cannot be rendered: w01: boot action motd")


async def test_the_bmcs_password_is_in_no_line():
    found = await difference(
        the_site(SMALL),
        the_site(SMALL.replace("s3cret", "n3wer").replace("image: jammy", "image: x")),
    )

    text = "\n".join(as_lines(found))
    assert "image: jammy -> x" in text
    assert "s3cret" not in text
    assert "n3wer" not in text


def case(name):
    return the_site(CASES[name].decode())


async def diff_of(old, new, inventories=None):
    found = await difference(old, new, inventories)
    return found, "\n".join(as_lines(found))


async def test_other_hardware_behind_an_alias_is_a_change_of_the_node():
    found, text = await diff_of(case("base"), case("chg-pci"))

    assert found.changed["node1"]["hardware"] == {
        "bond0 nic1": Change("pci 0000:00:03.0", "pci 0000:81:00.0")
    }
    assert found.unchanged == 0
    assert "~ bond0 nic1: pci 0000:00:03.0 -> pci 0000:81:00.0" in text


async def test_another_disk_behind_an_alias_is_a_change_of_the_node():
    def with_disk(address):
        text = CASES["base"].decode().replace("      sda:\n", "      bootdisk:\n")
        return the_site(text.replace("address: 2:0.0.0", f"address: {address}"))

    found, _ = await diff_of(with_disk("2:0.0.0"), with_disk("0:1.0.0"))

    assert found.changed["node1"]["hardware"] == {
        "disk bootdisk": Change("scsi 2:0.0.0", "scsi 0:1.0.0")
    }


LSHW_TWO = """<node><node class="network"><businfo>pci@0000:00:03.0</businfo>
<logicalname>eno1</logicalname><serial>52:54:00:00:00:01</serial></node>
<node class="disk"><logicalname>/dev/sda</logicalname><serial>S1</serial></node></node>"""


async def test_with_an_inventory_the_very_devices_are_compared():
    inventory = {"node1": Inventory((Document("lshw", "text/xml", LSHW_TWO),))}

    found, _ = await diff_of(case("base"), case("chg-pci"), inventory)

    assert found.changed["node1"]["hardware"]["bond0 nic1"] == Change(
        "pci 0000:00:03.0, which is eno1 52:54:00:00:00:01 0000:00:03.0",
        "pci 0000:81:00.0, not in the inventory",
    )


async def test_another_authorized_key_is_a_change_of_the_site_and_of_its_nodes():
    found, text = await diff_of(case("base"), case("chg-key"))

    assert found
    assert "authorized keys" in found.site
    assert "authorized keys" in found.changed["node1"]
    assert text.startswith("~ site\n    authorized keys\n")
    assert as_json(found)["site"]["authorized keys"]


async def test_what_opens_a_bmc_is_compared_and_not_shown():
    other = the_site(CASES["base"].decode().replace("credential: example", "credential: s3cret"))

    found, text = await diff_of(case("base"), other)

    assert found.changed["node1"]["bmc"] == {"credential": Change("********", "******** (changed)")}
    assert "s3cret" not in text
    assert "s3cret" not in str(as_json(found))


async def test_signaling_repositories_and_ranges_are_compared():
    text = CASES["base"].decode().replace("signaling: true", "signaling: false")
    text = text.replace("end: 10.0.2.199", "end: 10.0.2.190")

    found, _ = await diff_of(case("base"), the_site(text))
    repositories, _ = await diff_of(case("base"), case("repo-extra"))

    assert found.changed["node1"]["boot actions"] == {"hello": Change("signals", "does not signal")}
    assert "pxe dhcp ranges" in found.site["networks"]
    assert "main_archive" in repositories.site["repositories"]
    assert repositories.unchanged == 1


async def test_a_password_in_the_url_of_a_repository_is_compared_and_not_shown():
    text = CASES["repo-extra"].decode()
    one, two = (text.replace("http://archive", f"http://u:{word}@archive") for word in ("a1", "b2"))

    found, shown = await diff_of(the_site(one), the_site(two))

    assert found.site["repositories"]["main_archive"].after.endswith("(changed)")
    assert "b2" not in shown
