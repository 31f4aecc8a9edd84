"""dnsmasq by files: a real one says whether its configuration is right, and runs."""

import asyncio
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from drydockd.drivers.node.netboot.dhcpconf import BootNetwork
from drydockd.drivers.node.netboot.dnsmasq import Dnsmasq
from drydockd.errors import DriverPersistent

pytestmark = pytest.mark.peer("dnsmasq")
NET = BootNetwork("pxe", "10.20.0.0/24", (("10.20.0.100", "10.20.0.199"),), "br0")


@pytest.fixture
def ipxe(tmp_path):
    folder = tmp_path / "ipxe"
    folder.mkdir()
    for name in ("undionly.kpxe", "ipxe.efi"):
        (folder / name).write_bytes(name.encode())
    return folder


@pytest.fixture
def by_files(tmp_path, ipxe):
    return Dnsmasq(tmp_path / "dhcp", "http://10.20.0.1:9100", is_child=False, ipxe=ipxe)


async def test_a_configuration_enters_when_dnsmasq_finds_it_right(by_files):
    assert await by_files.apply([NET])
    assert "dhcp-range=set:pxe" in by_files.conf.read_text()
    assert (by_files.places.tftp / "ipxe.efi").read_bytes() == b"ipxe.efi"
    assert not await by_files.apply([NET])


async def test_one_that_dnsmasq_refuses_leaves_the_old_one(by_files):
    await by_files.apply([NET])
    before = by_files.conf.read_text()
    bad = BootNetwork("pxe", "10.20.0.0/24", (("10.20.0.100", "nonsense"),), "br0")
    with pytest.raises(DriverPersistent, match=r"dnsmasq refuses its configuration: .*line"):
        await by_files.apply([bad])
    assert by_files.conf.read_text() == before


async def test_proxy_dhcp_is_right_for_dnsmasq_too(tmp_path, ipxe):
    proxy = Dnsmasq(
        tmp_path / "d", "http://10.20.0.1:9100", is_child=False, is_proxy=True, ipxe=ipxe
    )
    assert await proxy.apply([NET])
    assert "10.20.0.0,proxy" in proxy.conf.read_text()


async def test_announcements_are_right_for_dnsmasq_too(by_files):
    assert await by_files.apply([replace(NET, announces=True)])
    assert "constructor:br0" in by_files.conf.read_text()


async def test_what_firmware_starts_first_is_missing_by_name(tmp_path):
    lacking = Dnsmasq(tmp_path / "d", "http://x", is_child=False, ipxe=tmp_path / "ipxe")
    with pytest.raises(DriverPersistent, match="apt-get install ipxe"):
        await lacking.apply([NET])


async def test_a_reservation_is_a_file_that_comes_whole_and_goes(by_files):
    await by_files.reserve("52:54:00:00:00:01", "10.20.0.7", "n1")
    (path,) = by_files.places.hosts.iterdir()
    assert path.read_text() == "52:54:00:00:00:01,10.20.0.7,n1\n"
    assert not by_files.released.exists()
    await by_files.release(["52:54:00:00:00:01", "52:54:00:00:00:02"])
    assert by_files.released.exists()  # drydockd-dnsmasq.path looks at it
    assert list(by_files.places.hosts.iterdir()) == []


async def test_a_unit_that_does_not_serve_is_said_with_where_to_look(tmp_path, ipxe):
    table = tmp_path / "udp"
    table.write_text("  sl  local_address rem_address\n")
    unit = Dnsmasq(tmp_path / "d", "http://x", is_child=False, ipxe=ipxe, tables=[table])
    assert unit.problem() is None
    await unit.apply([NET])
    assert "nobody serves udp/67 and udp/69" in unit.problem()
    assert "systemctl status drydockd-dnsmasq.service" in unit.problem()
    rows = "".join(f" 1: 00000000:{port:04X} 00000000:0000\n" for port in (67, 69))
    table.write_text("  sl  local_address rem_address\n" + rows)
    os.utime(unit.released, (1, 1))
    assert "has not taken the newest" in unit.problem()
    assert unit.released.stat().st_mtime > 1  # drydockd-dnsmasq.path looks again
    unit.running.write_bytes(unit.conf.read_bytes())
    assert unit.problem() is None


@pytest.mark.process
@pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace of its own needs root")
async def test_a_child_that_dies_is_started_again_and_ends_with_the_daemon(tmp_path, ipxe):
    """In a network of its own: see `main`."""
    child = await asyncio.create_subprocess_exec(
        "unshare", "-n", sys.executable, "-m", "tests.drivers.node.netboot.test_dnsmasq",
        str(tmp_path), str(ipxe), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[4],
    )  # fmt: skip
    said, error = await child.communicate()
    assert child.returncode == 0, error.decode()
    assert said.decode().split() == ["runs", "runs", "again", "gone"]


@pytest.mark.process
@pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace of its own needs root")
async def test_a_child_does_not_outlive_a_daemon_that_is_killed(tmp_path, ipxe):
    """It would keep its port from the next daemon's."""
    daemon = await asyncio.create_subprocess_exec(
        "unshare", "-n", sys.executable, "-m", "tests.drivers.node.netboot.test_dnsmasq",
        str(tmp_path), str(ipxe), "stays", stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[4],
    )  # fmt: skip
    child = int(await daemon.stdout.readline())
    assert is_running(child)
    daemon.kill()
    await daemon.communicate()
    async with asyncio.timeout(20):
        while is_running(child):
            await asyncio.sleep(0.02)  # nobody is told of the end of another one's child


def is_running(pid):
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
    return "State:\tZ" not in status


async def main(folder: str, ipxe: str, stays: str = "") -> None:
    commands = ("link set lo up", "link add br0 type bridge", "address add 10.20.0.1/24 dev br0")
    for command in (*commands, "link set br0 up"):
        made = await asyncio.create_subprocess_exec("ip", *command.split())
        assert await made.wait() == 0
    dnsmasq = Dnsmasq(Path(folder) / "dhcp", "http://10.20.0.1:9100", ipxe=Path(ipxe))
    await dnsmasq.apply([NET])
    first = await started(dnsmasq, None)
    if stays:
        print(first.pid, flush=True)
        await asyncio.Event().wait()
    print("runs")
    first.kill()
    await started(dnsmasq, first)
    print("runs again")
    second = dnsmasq._child
    await dnsmasq.close()
    print("gone" if second.returncode is not None else "left")


async def started(dnsmasq: Dnsmasq, before: object) -> asyncio.subprocess.Process:
    """The next child, when it has opened its port."""
    async with asyncio.timeout(20):
        while dnsmasq._child is before or not any("DHCP" in line for line in dnsmasq._last):
            await asyncio.sleep(0.02)  # another process says nothing to wait for
        return dnsmasq._child


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
