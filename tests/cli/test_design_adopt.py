"""drydock design adopt: twelve machines of three classes, from a folder."""

import json

import pytest

from drydockd.design.compile import compile_site
from drydockd.design.validate import validate
from tests.cli.designs import drydock
from tests.design.lshw import TERABYTE, a_disk_element, a_nic_element, an_lshw

NICS = {"a": 2, "b": 2, "c": 4}


def rack(folder, number, text="sw1"):
    """Write machine `number`; every fourth is of one class."""
    kind = "abc"[number % 3]
    nics = [
        a_nic_element(f"eno{i}", f"pci@0000:19:00.{i}", f"52:54:00:{number:02x}:00:0{i}")
        for i in range(NICS[kind])
    ]
    disks = [
        a_disk_element("sda", "scsi@0:0.0.0", 4 * TERABYTE, f"A{number}"),
        a_disk_element("sdb", "scsi@0:1.0.0", TERABYTE, f"B{number}"),
    ]
    heard = {"system": text, "port": "p1", "native_vlan": 100, "vlans": {"101": "x"}}
    name = f"m{number:02}"
    (folder / f"{name}.xml").write_text(an_lshw(*disks, *nics))
    hardware = {"dmi": {"vendor": "ACME", "model": f"Box {kind}: {text}"}, "firmware": "uefi"}
    (folder / f"{name}.hardware.json").write_text(json.dumps(hardware))
    (folder / f"{name}.lldp.json").write_text(json.dumps({"eno0": heard, "eno1": heard}))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "inventory").mkdir()
    for number in range(12):
        rack(tmp_path / "inventory", number)
    return tmp_path / "inventory"


def adopted(folder, *more):
    result = drydock("design", "adopt", "--inventory", folder, *more)
    assert result.exit_code == 0, result.output
    return result.stdout


def the_site(text):
    site, findings = compile_site(text.encode())
    errors = [f.message for f in (*findings, *validate(site)) if f.error]
    assert not errors
    return site


def test_twelve_machines_of_three_classes_are_a_valid_design(folder):
    text = adopted(folder)
    site = the_site(text)

    assert (len(site.nodes), len(site.hardware_profiles), len(site.host_profiles)) == (12, 3, 3)
    node = site.nodes["m00"]
    assert node.interfaces[0].hardware_slaves == ("nic1", "nic2")
    assert site.network_links[node.interfaces[0].network_link].bonding_mode == "802.3ad"
    aliases = {a.alias: a.address for a in site.hardware_profiles[node.hardware_profile].devices}
    assert aliases["bootdisk"] == "0:1.0.0"
    assert adopted(folder) == text


def test_another_machine_renames_nothing_and_is_all_that_is_added(folder, tmp_path):
    before = adopted(folder)
    (tmp_path / "site.yaml").write_text(before)
    rack(folder, 12)
    added = adopted(folder, "--onto", tmp_path / "site.yaml")

    assert list(the_site(before + added).nodes) == [f"m{n:02}" for n in range(13)]
    assert added.count("schema: drydock/") == 1
    assert set(the_site(before).host_profiles) == set(the_site(adopted(folder)).host_profiles)


def test_the_one_image_of_a_catalogue_goes_into_the_host_profiles(folder, tmp_path):
    (tmp_path / "images.yaml").write_text("{debian-12: [6.1.0-1-amd64, ga-*]}")
    site = the_site(adopted(folder, "--catalogue", tmp_path / "images.yaml"))
    wanted = {("debian-12", "6.1.0-1-amd64")}
    assert {(p.image, p.kernel) for p in site.host_profiles.values()} == wanted

    (tmp_path / "netboot").mkdir()
    entry = {"name": "trixie", "kind": "squashfs", "sha256": "a" * 64, "bytes": 1,
             "unpacked_bytes": 1}  # fmt: skip
    (tmp_path / "netboot" / "trixie.yaml").write_text(json.dumps(entry))
    text = adopted(folder, "--images", tmp_path / "netboot")
    assert {p.image for p in the_site(text).host_profiles.values()} == {"trixie"}


def test_without_one_image_there_is_a_line_to_fill_in(folder):
    assert adopted(folder).count("# platform: {image: FILL-IN, kernel: FILL-IN}\n") == 3


def test_what_a_machine_says_of_itself_stays_text(folder):
    hostile = "sw\n---\nschema: drydock/Rack/v1\n!!python/object:os.system \x1b[2J # {a: *b}"
    rack(folder, 3, text=hostile)
    text = adopted(folder)

    assert "\x1b" not in text
    assert len(the_site(text).racks) == 2


def test_a_machine_without_lshw_is_named_and_left_out(folder):
    (folder / "bare.hardware.json").write_text("{}")
    result = drydock("design", "adopt", "--inventory", folder)

    assert "bare: left out" in result.stderr
    assert "bare" not in result.stdout
