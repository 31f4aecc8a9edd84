"""Other DHCP servers: a real dnsmasq at the other end of a cable is found."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from drydockd.drivers.node.netboot.rivals import COOKIE, Offer, discover, offers, parse_offer

MAC, XID = bytes.fromhex("020000000001"), b"abcd"


def an_offer(options=b"", *, address=(10, 20, 0, 100), file=b"", kind=2):
    packet = bytearray(discover(MAC, XID)[:236])
    packet[0] = 2
    packet[16:20] = bytes(address)
    packet[108 : 108 + len(file)] = file
    return bytes(packet) + COOKIE + bytes((53, 1, kind)) + options + b"\xff"


def test_the_question_is_that_of_pxe_firmware():
    asked = discover(MAC, XID)
    assert asked[:4] == bytes((1, 1, 6, 0))
    assert (asked[4:8], asked[28:34], asked[236:240]) == (XID, MAC, COOKIE)
    assert b"PXEClient" in asked


def test_an_offer_tells_server_address_and_boot_file():
    packet = an_offer(bytes((54, 4, 10, 20, 0, 1)), file=b"pxelinux.0\0")
    assert parse_offer(packet, "10.20.0.9") == Offer("10.20.0.1", "10.20.0.100", "pxelinux.0")
    packet = an_offer(bytes((67, 5)) + b"a.efi", address=(0, 0, 0, 0))
    assert parse_offer(packet, "10.20.0.9") == Offer("10.20.0.9", None, "a.efi")


@pytest.mark.parametrize(
    "packet",
    [b"", b"\2" * 239, an_offer(kind=5), discover(MAC, XID), an_offer()[:240] + bytes((54,)),
     an_offer()[:240] + bytes((53, 200, 2))],
)  # fmt: skip
def test_anything_else_is_no_offer(packet):
    assert parse_offer(packet, "10.20.0.9") is None


@pytest.mark.process
@pytest.mark.peer("dnsmasq")
@pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace of its own needs root")
def test_a_server_on_the_wire_is_found_and_none_where_there_is_none(tmp_path):
    """In a network of its own: see `main`."""
    done = subprocess.run(
        ["unshare", "-n", sys.executable, "-m", "tests.drivers.node.netboot.test_rivals", tmp_path],
        cwd=Path(__file__).parents[4], capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["[]", "['10.20.0.1 rival.efi']"]


def main(folder):
    """A cable to a second network, where dnsmasq serves."""
    other = subprocess.Popen(["unshare", "-n", "sleep", "60"])
    there = ["nsenter", "-t", str(other.pid), "-n"]
    try:
        while os.readlink(f"/proc/{other.pid}/ns/net") == os.readlink("/proc/self/ns/net"):
            os.sched_yield()  # another process says nothing to wait for
        cable = ["ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns"]
        subprocess.run([*cable, str(other.pid)], check=True)
        for where, rest in ((there, "v1"), ([], "v0")):
            subprocess.run([*where, "ip", "link", "set", rest, "up"], check=True)
        there_is = [*there, "ip", "address", "add", "10.20.0.1/24", "dev", "v1"]
        subprocess.run(there_is, check=True)
        print(found(1.0))
        rival = subprocess.Popen(
            [*there, "/usr/sbin/dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--port=0",
             "--pid-file=", "--user=root", "--no-ping", f"--dhcp-leasefile={folder}/leases",
             "--dhcp-range=10.20.0.100,10.20.0.199", "--dhcp-boot=rival.efi"],
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            while "IP range" not in rival.stderr.readline():
                assert rival.poll() is None
            print(found(3.0))
        finally:
            rival.kill()
            rival.wait()
    finally:
        other.kill()
        other.wait()


def found(seconds):
    heard = asyncio.run(offers("v0", seconds))
    return sorted({f"{offer.server} {offer.boot_file}" for offer in heard})


if __name__ == "__main__":
    main(sys.argv[1])
