"""The design of a QEMU lab: bond, VLAN, LVM, three file systems and a boot action, for N machines.

Pure. Everything in it is real to the machines of `machine` and the networks of `wires`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import yaml

from drydockd.room.qemu.machine import Firmware, VirtualMachine
from drydockd.room.qemu.wires import VLAN, Plan

REGION = "quay"
DOMAIN = "quay.example"
ACCOUNT = "admin"
ACCOUNT_ACTION = "account"
# The newest that the image has.
KERNEL = "ga-12"
KERNEL_PARAMS = {"console": "ttyS0,115200n8", "drydock.lab": REGION}
# An emulated machine on a busy host takes its time; systemd's own limits are 90 s, and whose
# serial port is found later has no login on it. Source: systemd-system.conf(5).
PATIENCE = "[Manager]\nDefaultTimeoutStartSec=600\nDefaultDeviceTimeoutSec=600\n"
# A root of less than 20 GB and a /boot of less than 1 GB the rules refuse; the disks are sparse.
PARTITIONS = (
    {"name": "root", "size": "20g", "bootable": True, "filesystem": {"mountpoint": "/"}},
    {"name": "boot", "size": "1g", "filesystem": {"mountpoint": "/boot"}},
    {
        "name": "log",
        "size": ">2g",
        "filesystem": {"mountpoint": "/var/log", "fstype": "xfs", "mount_options": "defaults"},
    },
)
VOLUME_GROUP = "data"
VOLUMES = (
    {"name": "images", "size": "40%", "filesystem": {"mountpoint": "/var/lib/images"}},
    {"name": "srv", "size": ">1g", "filesystem": {"mountpoint": "/srv", "fstype": "xfs"}},
)

Document = Mapping[str, Any]


def site_text(
    plan: Plan,
    machines: Sequence[VirtualMachine],
    *,
    image: str,
    credential: str,
    oob_type: str = "ipmi",
) -> str:
    """Return the documents of the whole site as YAML; `credential` is that of all BMCs, which speak
    what `oob_type` says."""
    documents = [
        _document("Region", REGION, {"tag_definitions": [], "authorized_keys": []}),
        _document("Rack", "rack-q", {"tor_switches": {"tor-q": {"mgmt_ip": plan.bmc_address(0)}}}),
        *_links(),
        *_networks(plan),
        *(_hardware(firmware) for firmware in Firmware),
        _profile(image, credential, oob_type),
        *(_node(plan, machine) for machine in machines),
        _account_action(),
    ]
    return yaml.safe_dump_all(documents, sort_keys=False, width=100)


def _document(kind: str, name: str, data: Document) -> Document:
    return {
        "schema": f"drydock/{kind}/v1",
        "metadata": {"schema": "metadata/Document/v1", "name": name},
        "data": dict(data),
    }


def _links() -> list[Document]:
    bonding = {
        "mode": "802.3ad", "hash": "layer3+4", "peer_rate": "fast",
        "mon_rate": 100, "up_delay": 200, "down_delay": 200,
    }  # fmt: skip
    return [
        _link(
            "oob", {"mode": "disabled", "default_network": "oob"}, labels={"noconfig": "enabled"}
        ),
        _link("pxe", {"mode": "disabled", "default_network": "pxe"}),
        _link("trunk", {"mode": "802.1q"}, ["oam"], bonding=bonding),
    ]


def _link(name: str, trunking: Document, networks: Sequence[str] = (), **more: object) -> Document:
    data = {"mtu": 1500, "trunking": trunking, "allowed_networks": list(networks) or [name], **more}
    return _document("NetworkLink", name, data)


def _networks(plan: Plan) -> list[Document]:
    boot, system, bmc = plan.boot_address, plan.system_address, plan.bmc_address
    return [
        _document(
            "Network", "oob", {"cidr": plan.bmc_cidr, "ranges": [_range("static", bmc(1), bmc(99))]}
        ),
        _document(
            "Network",
            "pxe",
            {
                "cidr": plan.boot_cidr,
                "ranges": [
                    _range("static", boot(1), boot(99)),
                    _range("dhcp", boot(190), boot(240)),
                ],
            },
        ),
        _document(
            "Network",
            "oam",
            {
                "vlan": str(VLAN),
                "mtu": 1500,
                "cidr": plan.system_cidr,
                "ranges": [_range("static", system(1), system(99))],
                "dns": {"domain": DOMAIN, "servers": system(0)},
                "routes": [{"subnet": "0.0.0.0/0", "gateway": system(0), "metric": 100}],
            },
        ),
    ]


def _range(kind: str, start: str, end: str) -> Document:
    return {"type": kind, "start": start, "end": end}


def _hardware(firmware: Firmware) -> Document:
    def device(number: int, kind: str) -> Document:
        return {"address": str(number), "bus_type": "virtio", "dev_type": kind}

    # Virtio devices are counted in the order of their PCI slots.
    return _document(
        "HardwareProfile",
        f"qemu-{firmware}",
        {
            "vendor": "QEMU",
            "generation": "1",
            "hw_version": "1",
            "bios_version": "1",
            "boot_mode": str(firmware),
            "bootstrap_protocol": "pxe",
            "pxe_interface": 0,
            "device_aliases": {
                "disk_boot": device(0, "virtio disk"),
                "disk_data": device(1, "virtio disk"),
                "nic_pxe": device(2, "virtio NIC"),
                "nic_a": device(3, "virtio NIC"),
                "nic_b": device(4, "virtio NIC"),
            },
        },
    )


def _profile(image: str, credential: str, oob_type: str) -> Document:
    oob = {"type": oob_type, "network": "oob", "account": ACCOUNT, "credential": credential}
    return _document(
        "HostProfile",
        "berth",
        {
            "hardware_profile": f"qemu-{Firmware.BIOS}",
            "primary_network": "oam",
            "oob": oob,
            "platform": {"image": image, "kernel": KERNEL, "kernel_params": KERNEL_PARAMS},
            "metadata": {"tags": [REGION], "owner_data": {"site": REGION}},
            "interfaces": {
                "pxe": {"device_link": "pxe", "slaves": ["nic_pxe"], "networks": ["pxe"]},
                "bond0": {
                    "device_link": "trunk",
                    "slaves": ["nic_a", "nic_b"],
                    "networks": ["oam"],
                },
            },
            "storage": {
                "physical_devices": {
                    "disk_boot": {
                        "labels": {"bootdrive": "true"},
                        "partitions": [dict(partition) for partition in PARTITIONS],
                    },
                    "disk_data": {"volume_group": VOLUME_GROUP},
                },
                "volume_groups": {
                    VOLUME_GROUP: {"logical_volumes": [dict(volume) for volume in VOLUMES]}
                },
            },
        },
    )


def _node(plan: Plan, machine: VirtualMachine) -> Document:
    addresses = {
        "oob": plan.bmc_address(machine.number),
        "pxe": plan.boot_address(machine.number),
        "oam": plan.system_address(machine.number),
    }
    return _document(
        "BaremetalNode",
        machine.name,
        {
            "host_profile": "berth",
            "hardware_profile": f"qemu-{machine.firmware}",
            "metadata": {"rack": "rack-q", "boot_mac": machine.boot_mac},
            "addressing": [
                {"network": name, "address": address} for name, address in addresses.items()
            ],
        },
    )


def _account_action() -> Document:
    """What the installed system runs: it tells what it is made of, and reports."""
    program = resources.files("drydockd.room.qemu") / "account.py"
    environment = (
        "BOOTACTION_ID={{ action.action_id }}\n"
        "BOOTACTION_KEY={{ action.action_key }}\n"
        "BOOTACTION_URL={{ action.report_url }}\n"
    )
    unit = (
        "[Unit]\nDescription=Tell drydockd what {{ node.hostname }} is made of\n"
        "After=network-online.target ssh.service\nWants=network-online.target\n\n"
        "[Service]\nType=oneshot\nEnvironmentFile=/etc/drydock/account.env\n"
        "ExecStart=/usr/bin/python3 /opt/drydock/account.py\n\n"
        "[Install]\nWantedBy=multi-user.target\n"
    )
    template = ["utf8_decode", "template"]
    return _document(
        "BootAction",
        ACCOUNT_ACTION,
        {
            "signaling": True,
            "assets": [
                _asset("file", "/etc/drydock/account.env", "0600", environment, template),
                _asset(
                    "file", "/opt/drydock/account.py", "0755", program.read_text(encoding="utf-8")
                ),
                _asset("file", "/etc/systemd/system.conf.d/50-patience.conf", "0644", PATIENCE),
                _asset("unit", "/etc/systemd/system/account.service", "0644", unit, template),
            ],
        },
    )


def _asset(
    kind: str, path: str, mode: str, data: str, pipeline: Sequence[str] = ("utf8_decode",)
) -> Document:
    return {
        "type": kind,
        "path": path,
        "permissions": mode,
        "data": data,
        "data_pipeline": list(pipeline),
    }
