"""What `drydock netboot setup` says of a host, and what it tells to do."""

import socket

import pytest
import yaml

from drydockd.drivers.node.netboot import hostcheck
from drydockd.drivers.node.netboot.dhcpconf import LocalInterface
from drydockd.drivers.node.netboot.hostcheck import exit_status, judged, served_networks
from drydockd.drivers.node.netboot.options import NetbootOptions
from drydockd.drivers.node.netboot.rivals import Offer
from drydockd.drivers.options import Program
from drydockd.site import AddressRange, Network
from tests.drivers.node.netboot.test_bounds import READY, Phase, Room, listening, ways

HERE = [LocalInterface("eth1", ("10.20.0.1/24",))]
GIVES = Offer("10.20.0.9", "10.20.0.100", None)
BOOTS = Offer("10.20.0.9", "10.20.0.100", "pxelinux.0")


def options(**given):
    return NetbootOptions(**({"base_url": "http://10.20.0.1:9100"} | given))


def todos(told):
    return [one.todo for one in told if not one.is_good]


def test_a_program_that_is_missing_comes_with_its_apt_line(monkeypatch):
    monkeypatch.setattr(hostcheck, "SERVES", (Program("no-such-program", "its-package"),))
    told = list(hostcheck.programs(options()))
    assert "apt-get install its-package" in todos(told)
    assert exit_status(told) == 1
    assert "apt-get install its-package" not in todos(hostcheck.programs(options(dhcp="none")))


@pytest.mark.peer("ip")
def test_what_only_builds_images_is_advice(monkeypatch):
    monkeypatch.setattr(hostcheck, "BUILDS", (Program("no-such-program", "its-package"),))
    assert exit_status([t for t in hostcheck.programs(options(dhcp="none")) if not t.is_good]) == 0


def test_a_unit_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(hostcheck, "_has_unit", lambda name: name.endswith(".service"))
    (told,) = hostcheck.rights(options(dnsmasq="unit"))
    assert "drydockd-dnsmasq.path is not installed" in told.text
    assert "/etc/systemd/system" in told.todo


def test_an_empty_catalogue_says_how_it_is_filled(tmp_path):
    told = list(hostcheck.images(options(images=tmp_path)))
    assert todos(told)[:2] == ["drydock image build agent", "drydock image build debian-12"]


def test_an_image_whose_content_is_gone_is_found(tmp_path):
    entry = {"name": "deb", "kind": "squashfs", "sha256": "a" * 64, "bytes": 1,
             "unpacked_bytes": 1, "kernels": ["6.1"]}  # fmt: skip
    (tmp_path / "deb.yaml").write_text(yaml.safe_dump(entry))
    assert "drydock image verify" in todos(hostcheck.images(options(images=tmp_path)))


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ({"cidr": "10.20.0.0/24", "ranges": ("10.20.0.100", "10.20.0.199")}, None),
        ({"cidr": "10.30.0.0/24", "ranges": ("10.30.0.100", "10.30.0.199")}, "give it one"),
    ],
)
def test_each_boot_network_needs_an_address_here(network, words):
    first, last = network["ranges"]
    ranges = (AddressRange(type="dhcp", start=first, end=last),)
    served, told = served_networks({"pxe": Network("pxe", network["cidr"], ranges=ranges)}, HERE)
    assert [n.interface for n in served] == ([] if words else ["eth1"])
    assert [words in todo for todo in todos(told)] == ([True] if words else [])


def test_a_design_without_a_boot_network_says_what_makes_one():
    _, told = served_networks({"mgmt": Network("mgmt", "10.9.0.0/24")}, HERE)
    assert "range of type dhcp" in todos(told)[0]


@pytest.mark.parametrize(
    ("dhcp", "heard", "todo"),
    [
        ("own", [], None),
        ("own", [GIVES], "stop it on this network"),
        ("proxy", [GIVES], None),
        ("proxy", [BOOTS], "must not name a boot file"),
        ("proxy", [], "start the site's DHCP server"),
        ("none", [BOOTS], None),
        ("none", [GIVES], "dhcp-snippet"),
        ("none", [], "start the site's DHCP server"),
    ],
)
def test_another_server_is_a_rival_or_needed_by_the_option(dhcp, heard, todo):
    told = judged(options(dhcp=dhcp), "eth1", heard)
    assert [todo in said for said in todos(told)] == ([True] if todo else [])
    assert told


async def test_a_listener_that_runs_is_asked():
    room = await Room(ways.begun(READY, Phase.INSTALL, deployment_id="d1", plan="p")).filled()
    async with listening(room) as listener:
        url = f"http://127.0.0.1:{listener.port}"
        assert (await hostcheck.listener(options(base_url=url), HERE)).is_good


async def test_a_url_that_is_not_ours_or_not_our_port_is_said():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    here = [LocalInterface("eth1", ("127.0.0.1/8",))]
    url = f"http://127.0.0.1:{port}"
    told = await hostcheck.listener(options(base_url=url), HERE)
    assert "is no address of this host (10.20.0.1)" in told.text
    told = await hostcheck.listener(options(base_url=url, listen="0.0.0.0:1"), here)
    assert "make them the same" in told.todo
    told = await hostcheck.listener(options(base_url=url, listen=f"127.0.0.1:{port}"), here)
    assert told.is_good


def test_a_port_of_dhcp_in_use_is_advice(monkeypatch):
    monkeypatch.setattr(hostcheck, "is_served", lambda port: port == 67)
    told = list(hostcheck.dhcp_ports(options()))
    assert exit_status(told) == 0
    assert "ss -ulnp" in todos(told)[0]
