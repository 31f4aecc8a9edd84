"""drydockd-dnsmasq.service on a real host: three capabilities, and the driver's files."""

import json
import shutil

import pytest

from drydockd.drivers.node.netboot.dhcpconf import BootNetwork, Places, dnsmasq_conf, host_line
from drydockd.drivers.node.netboot.dnsmasq import UNIT
from tests.daemon.test_units import UNITS
from tests.peers.guest import NETBOOT_DEBS

pytestmark = pytest.mark.slow

FOLDER = "/var/lib/drydockd/netboot"
NET = BootNetwork("pxe", "10.20.0.0/24", (("10.20.0.100", "10.20.0.199"),), "br0")
# Number of the bit: include/uapi/linux/capability.h
NET_BIND_SERVICE, NET_ADMIN, NET_RAW = 10, 12, 13


@pytest.fixture
def served(guest):
    """The guest with the unit installed as the page says, and nothing to serve yet."""
    for unit in UNITS.glob("drydockd-dnsmasq*"):
        shutil.copy(unit, guest.folder / "etc/systemd/system")
    guest.run(
        f"apt-get -qq install -y --no-install-recommends {' '.join(NETBOOT_DEBS)}\n"
        "systemd-sysusers --inline 'u drydockd - \"drydockd\"'\n"
        f"install -d -o drydockd -g drydockd -m 700 /var/lib/drydockd {FOLDER}"
        f" {FOLDER}/hosts {FOLDER}/tftp\n"
        "ip link show br0 >/dev/null 2>&1 || ip link add br0 type bridge\n"
        "ip address replace 10.20.0.1/24 dev br0; ip link set br0 up\n"
        "systemctl daemon-reload\n"
        f"systemctl enable --now drydockd-dnsmasq.path {UNIT}"
    )
    yield guest
    guest.run(
        f"systemctl disable --now drydockd-dnsmasq.path {UNIT}; rm -rf {FOLDER}; ip link del br0"
    )


def enter(guest, text):
    """Write the configuration as the driver does: whole, by a rename, as the daemon's user."""
    guest.write(f"{FOLDER}/dnsmasq.new", text)
    guest.run(
        f"cd {FOLDER}; chown drydockd: dnsmasq.new; mv dnsmasq.new dnsmasq.conf; touch released"
    )


def pid(guest, before="0"):
    """Return the main process when it is another one than `before`."""
    return guest.run(
        f"until pid=$(systemctl show -p MainPID --value {UNIT}); [ $pid != 0 ] && [ $pid != "
        f"{before} ] && ss -uln | grep -q :67; do sleep 0.1; done; echo $pid",
        seconds=30,
    ).strip()


def test_it_serves_what_the_driver_writes_with_three_capabilities(served):
    assert served.run(f"systemctl is-active {UNIT}", code=3).strip() == "inactive"

    places = Places(*(f"{FOLDER}/{name}" for name in ("leases", "hosts", "tftp")))
    enter(served, dnsmasq_conf([NET], places, "http://10.20.0.1:9100"))
    first = pid(served)

    status = served.run(f"cat /proc/{first}/status")
    held = dict(line.split(":\t") for line in status.splitlines() if ":\t" in line)
    three = sum(1 << bit for bit in (NET_BIND_SERVICE, NET_ADMIN, NET_RAW))
    assert int(held["CapEff"], 16) == int(held["CapBnd"], 16) == three
    assert "0" not in held["Uid"].split()
    # Of the daemon's state it has no more than its own folder.
    assert served.run(f"ls /proc/{first}/root/var/lib/drydockd").split() == ["netboot"]

    # A new configuration, and then the release of many machines within a second.
    enter(served, dnsmasq_conf([NET], places, "http://10.20.0.1:9200"))
    second = pid(served, first)
    served.write(f"{FOLDER}/hosts/525400000001", host_line("52:54:00:00:00:01", "10.20.0.7", "n1"))
    served.run(f"for n in $(seq 40); do touch {FOLDER}/released; sleep 0.02; done")
    assert pid(served, second)
    states = served.run("systemctl list-units --failed --output json 'drydockd-dnsmasq*'")
    assert json.loads(states) == []
