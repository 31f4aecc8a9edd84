"""Small designs from the field: one valid design, each case one change of it.

Names, addresses and keys were replaced. What is right for each: `tests/design/test_cases.py`.
"""

from pathlib import Path

BASE = (Path(__file__).parent / "data" / "cases" / "base.yaml").read_text(encoding="utf-8")

Change = tuple[str, str]


def changed(*changes: Change) -> bytes:
    """The base design with each text replaced by another; every one must be there once."""
    text = BASE
    for old, new in changes:
        assert text.count(old) == 1, f"{text.count(old)} times in the base design: {old!r}"
        text = text.replace(old, new)
    return text.encode()


def document(kind: str, name: str, body: str) -> str:
    head = f"---\nschema: drydock/{kind}/v1\nmetadata:\n  name: {name}\ndata:\n"
    return head + body


def added(*documents: str, changes: tuple[Change, ...] = ()) -> bytes:
    return changed(*changes) + "".join(documents).encode()


TEMPLATE = (
    "'{{ node.hostname }} {{ node.domain }} {{ node.network.default.ip }} {{\n"
    "      node.labels }} {{ node.tags }} id={{ action.action_id }} key={{ action.action_key\n"
    "      }} url={{ action.report_url }}\n\n      '"
)
OOB = "    type: ipmi\n    network: oob\n    account: admin\n    credential: example\n"
SECOND_NODE = document(
    "BaremetalNode",
    "node2",
    "  host_profile: hp\n  addressing:\n"
    "  - {network: oob, address: 10.0.1.12}\n  - {network: pxe, address: dhcp}\n"
    "  - {network: oam, address: 10.0.3.12}\n  - {network: storage, address: 10.0.4.12}\n"
    "  metadata: {boot_mac: '52:54:00:AA:BB:01'}\n",
)
SECOND_ACTION = document(
    "BootAction",
    "hello2",
    "  signaling: true\n  assets:\n  - {type: file, path: /etc/hello, data: x}\n",
)
OAM6 = document(
    "Network",
    "oam6",
    "  cidr: 2001:db8:0:3::/64\n  vlan: '31'\n  mtu: 9000\n"
    "  dns: {domain: lab.example.com, servers: '2001:db8:0:3::53'}\n"
    "  routes:\n  - {subnet: '::/0', gateway: '2001:db8:0:3::1', metric: 10}\n",
)
PXE6 = document("Network", "pxe6", "  cidr: 2001:db8:0:2::/64\n")

LINK_OAM = "  - oam\n  - storage\n---\n"
USES_OAM = "      - oam\n      - storage\n"
AN_ADDRESS = "  - network: storage\n    address: 10.0.4.11\n"

CASES: dict[str, bytes] = {
    "base": changed(),
    "chg-pci": changed(("'0000:00:03.0'", "'0000:81:00.0'")),
    "chg-key": changed(
        ("AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExample x@", "AAAAother y@")
    ),
    "ba-template-typo": changed((TEMPLATE, "'{{ node.network.oma.ip }}'")),
    "ba-template-syntax": changed((TEMPLATE, "'{% if node.hostname %}x'")),
    "primary-missing": changed(("primary_network: oam", "primary_network: oma")),
    "ba-dup-path": added(SECOND_ACTION),
    "default-route-0slash0": changed(
        ("0.0.0.0/0\n    gateway: 10.0.3.1\n", "0/0\n    gateway: 10.0.3.1\n")
    ),
    "vlan-none": changed(("  vlan: '41'\n", "")),
    "dualstack-untagged": added(
        PXE6,
        changes=(
            (
                "  - pxe\n  trunking:\n    mode: disabled\n",
                "  - pxe\n  - pxe6\n  trunking:\n    mode: 802.1q\n",
            ),
            ("      networks:\n      - pxe\n", "      networks:\n      - pxe\n      - pxe6\n"),
            (AN_ADDRESS, AN_ADDRESS + "  - {network: pxe6, address: '2001:db8:0:2::11'}\n"),
        ),
    ),
    "bond-none": changed(("      slaves:\n      - nic1\n      - nic2\n", "      slaves: []\n")),
    "size-two-rest": changed(
        (
            "            mountpoint: /var\n            fstype: ext4\n",
            "            mountpoint: /var\n            fstype: ext4\n"
            "        - {name: more, size: '>10g', filesystem: {mountpoint: /more}}\n",
        )
    ),
    "mountpoint-relative": changed(("mountpoint: /\n", "mountpoint: root\n")),
    "disk-devpath": changed(("      sda:\n", "      /dev/sda:\n")),
    "nvme-multipath": changed(
        ("      sda:\n", "      nvme0n1:\n"),
        (
            "            mountpoint: /var\n            fstype: ext4\n",
            "            mountpoint: /var\n            fstype: ext4\n"
            "      mapper/mpatha: {volume_group: mp}\n"
            "    volume_groups: {mp: {logical_volumes: [{name: x, size: 50%}]}}\n",
        ),
    ),
    "oob-unknown-type": changed(("type: ipmi", "type: ipmy")),
    "mac-dup": added(SECOND_NODE),
    "mac-dash-manual": changed(
        (OOB, "    type: manual\n"),
        ("  - network: oob\n    address: 10.0.1.11\n", ""),
        ("boot_mac: 52:54:00:aa:bb:01", "boot_mac: 52-54-00-aa-bb-01"),
    ),
    "addr-is-gateway": changed(("address: 10.0.3.11", "address: 10.0.3.1")),
    "addr-in-dhcp-range": changed(("address: dhcp", "address: 10.0.2.150")),
    "range-reversed": changed(
        ("start: 10.0.2.100\n    end: 10.0.2.199", "start: 10.0.2.199\n    end: 10.0.2.100")
    ),
    "ifname-long": changed(("    pxe:\n", "    this-is-a-very-long-interface-name0:\n")),
    "dns-commaspace": changed(("servers: 10.0.3.1\n", "servers: 10.0.3.1, 10.0.3.2;10.0.3.3\n")),
    "dualstack-tagged": added(
        OAM6,
        changes=(
            (LINK_OAM, "  - oam\n  - oam6\n  - storage\n---\n"),
            (USES_OAM, "      - oam\n      - oam6\n      - storage\n"),
            (AN_ADDRESS, AN_ADDRESS + "  - {network: oam6, address: '2001:db8:0:3::11'}\n"),
        ),
    ),
    "dupkey": changed(("  vendor: X\n", "  vendor: X\n  vendor: Y\n")),
    "norway": changed(("  name: node1\n", "  name: NO\n")),
    "kp-off": changed(
        ("      quiet: true\n", "      quiet: true\n      mitigations: off\n      nr: 010\n")
    ),
    "repo-extra": changed(
        (
            "data:\n  authorized_keys:\n",
            "data:\n  repositories:\n    main_archive:\n      repo_type: apt\n"
            "      url: http://archive.example.com/ubuntu\n"
            "      proxy_server: http://proxy.example.com:8080\n  authorized_keys:\n",
        )
    ),
    "bom-each": BASE.replace("---\n", "\ufeff---\n").encode(),
}
