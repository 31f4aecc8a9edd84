"""What is on a machine's boot network besides it: another machine, another DHCP server."""

from __future__ import annotations

import os
import subprocess
from contextlib import ExitStack, contextmanager

from tests.daemon.metal import until


@contextmanager
def rival(metal):
    """A DHCP server on the boot network that is none of ours, and that iPXE likes better."""
    plan, cable = metal.room.plan, f"{metal.room.plan.bridge}-r"
    net = plan.boot_address(0).rpartition(".")[0]
    url = f"{metal.sections['netboot_driver']['base_url']}/boot/ipxe?mac=${{netX/mac}}"
    with ExitStack() as ending:
        other = subprocess.Popen(["unshare", "-n", "sleep", "3600"])
        ending.callback(other.wait)
        ending.callback(other.kill)
        mine = os.readlink("/proc/self/ns/net")
        until(lambda: os.readlink(f"/proc/{other.pid}/ns/net") != mine, "a network of its own")
        there = ["nsenter", "-t", str(other.pid), "-n"]
        ends = ["peer", "name", "peer", "netns", str(other.pid)]
        for words in (
            ["ip", "link", "add", cable, "type", "veth", *ends],
            ["ip", "link", "set", cable, "master", plan.bridge, "up"],
            [*there, "ip", "link", "set", "peer", "up"],
            [*there, "ip", "address", "add", f"{net}.250/24", "dev", "peer"],
        ):
            subprocess.run(words, check=True)
        server = subprocess.Popen(
            [*there, "/usr/sbin/dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--port=0",
             "--pid-file=", "--user=root", "--no-ping", "--dhcp-authoritative",
             f"--dhcp-leasefile={metal.folder}/rival", f"--dhcp-range={net}.200,{net}.210",
             # Encapsulated for iPXE: how much an offer is worth; others have none.
             "--dhcp-option-force=encap:175,1,91", f"--dhcp-boot={url}"],
        )  # fmt: skip
        ending.callback(server.wait)
        ending.callback(server.kill)
        yield f"{net}.20"


@contextmanager
def twin(metal, disk):
    """A machine of the same MAC on the same network, with a serial number and `disk` of its
    own, from its power-on to its end."""
    tap, place = f"{metal.room.plan.bridge}-t", metal.folder / "twin"
    place.mkdir()
    for words in (("tuntap", "add", tap, "mode", "tap"),
                  ("link", "set", tap, "master", metal.room.plan.bridge, "up")):  # fmt: skip
        subprocess.run(["ip", *words], check=True)
    words = [
        "qemu-system-x86_64", "-accel", "tcg,thread=multi,tb-size=256", "-cpu", "max",
        "-M", "q35,graphics=off", "-nodefaults", "-display", "none", "-m", "1024", "-smp", "2",
        "-smbios", "type=1,serial=TWIN,uuid=00000000-0000-4000-8000-00000000dead",
        "-chardev", f"file,id=c,path={place}/console", "-serial", "chardev:c",
        "-drive", f"if=none,id=d,format=raw,file={disk}",
        "-device", f"virtio-blk-pci,drive=d,serial={metal.machine.disk_serial(0)},bootindex=2",
        "-netdev", f"tap,id=n,ifname={tap},script=no,downscript=no",
        "-device", f"virtio-net-pci,netdev=n,mac={metal.machine.boot_mac},bootindex=1",
    ]  # fmt: skip
    with subprocess.Popen(words) as other:
        try:
            yield place / "console"
        finally:
            other.kill()
            other.wait()
            subprocess.run(["ip", "link", "delete", tap], check=True)
