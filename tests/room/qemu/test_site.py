from pathlib import Path

import pytest
import yaml

from drydockd.room.qemu.machine import Firmware, VirtualMachine
from drydockd.room.qemu.site import site_text
from drydockd.room.qemu.wires import Plan
from tests.cli.designs import drydock


@pytest.fixture
def text():
    plan = Plan(2)
    machines = [
        VirtualMachine(number, firmware, Path("/lab"), plan.tap(number))
        for number, firmware in ((1, Firmware.BIOS), (2, Firmware.UEFI))
    ]
    return site_text(plan, machines, image="debian-12-0123456789ab", credential="s3cret")


def test_every_rule_is_content_with_it(text, tmp_path):
    path = tmp_path / "site.yaml"
    path.write_text(text)
    done = drydock("design", "validate", str(path))
    assert "valid, 0 errors" in done.output, done.output


def test_nodes_have_the_firmware_macs_and_addresses_of_their_machines(text):
    nodes = {
        document["metadata"]["name"]: document["data"]
        for document in yaml.safe_load_all(text)
        if document["schema"] == "drydock/BaremetalNode/v1"
    }
    assert list(nodes) == ["q01-bios", "q02-uefi"]
    assert nodes["q02-uefi"]["hardware_profile"] == "qemu-uefi"
    assert nodes["q02-uefi"]["metadata"]["boot_mac"] == "52:54:00:dd:02:00"
    assert {a["network"]: a["address"] for a in nodes["q02-uefi"]["addressing"]} == {
        "oob": "127.221.2.12",
        "pxe": "10.221.2.12",
        "oam": "10.222.2.12",
    }


def test_the_account_is_told_by_a_program_that_is_not_a_template(text):
    (action,) = [d for d in yaml.safe_load_all(text) if d["schema"] == "drydock/BootAction/v1"]
    programs = {asset["path"]: asset for asset in action["data"]["assets"]}
    program = programs["/opt/drydock/account.py"]
    compile(program["data"], "account.py", "exec")
    assert program["data_pipeline"] == ["utf8_decode"]
