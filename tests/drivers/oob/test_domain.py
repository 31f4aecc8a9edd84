"""A domain's definition: read, and the same with another boot order."""

import pytest

from drydockd.drivers.oob import domain
from drydockd.drivers.oob.domain import DISK, NETWORK, Unusable
from tests.drivers.oob.domains import MAC, UUID, a_domain

FIRST, SECOND, THIRD = (f'<boot order="{number}"/>' for number in (1, 2, 3))


def booting(text, first=NETWORK, mac=MAC):
    return domain.booting_from(text, first, mac)


def test_a_definition_says_who_it_is():
    seen = domain.read(a_domain(mac="52:54:00:AB:CD:EF"))
    assert (seen.name, seen.uuid) == ("n1", UUID % 1)
    assert seen.macs == ("52:54:00:00:00:99", "52:54:00:ab:cd:ef")
    assert (seen.boot, seen.has_kernel, seen.serial) == (("disk",), False, None)


def test_the_serial_number_that_the_guest_sees_is_read():
    text = a_domain().replace(
        "<os>",
        '<sysinfo type="smbios"><system><entry name="serial">S1</entry></system></sysinfo><os>',
    )
    assert domain.read(text).serial == "S1"


def test_the_boot_devices_of_the_os_are_replaced():
    changed = booting(a_domain(boot='<boot dev="cdrom"/><boot dev="hd"/><bootmenu enable="no"/>'))
    assert domain.read(changed).boot == ("network", "disk")
    assert '<bootmenu enable="no"/>' in changed
    assert domain.read(booting(changed, DISK)).boot == ("disk", "network")


@pytest.mark.parametrize("first", [NETWORK, DISK])
def test_what_boots_from_there_already_stays_as_it_is(first):
    changed = booting(booting(a_domain(), NETWORK) if first == DISK else a_domain(), first)
    assert changed is not None
    assert booting(changed, first) is None


def test_a_domain_that_says_nothing_of_booting_gets_boot_devices():
    assert domain.read(booting(a_domain(boot=""))).boot == ("network", "disk")


def test_an_order_of_devices_is_changed_where_there_is_one():
    text = a_domain(boot="", disk=FIRST, other=SECOND)
    changed = booting(text)
    assert "<boot dev=" not in changed
    assert changed.index('order="1"') > changed.index(MAC)
    assert domain.read(changed).boot == ("network", "disk", "network")
    assert domain.read(booting(changed, DISK)).boot == ("disk", "network", "network")


def test_without_a_known_mac_address_the_first_ordered_interface_boots():
    changed = booting(a_domain(boot="", disk=FIRST, nic=SECOND), mac=None)
    assert changed.index(MAC) < changed.index('order="1"')


def test_other_devices_keep_their_turn_after_network_and_disk():
    cdrom = f'<disk type="file" device="cdrom"><target dev="sda"/>{FIRST}</disk>'
    changed = booting(a_domain(boot="", disk=SECOND, nic=THIRD, devices=cdrom))
    assert domain.read(changed).boot == ("network", "disk", "cdrom")


def test_everything_else_stays_prefixes_comments_and_secrets():
    more = '<graphics type="vnc" passwd="hunter2"/><!-- mine -->'
    spaces = ' xmlns:qemu="http://libvirt.org/schemas/domain/qemu/1.0"'
    text = a_domain(devices=more, namespaces=spaces).replace(
        "</domain>", "<qemu:commandline><qemu:arg value='-x'/></qemu:commandline></domain>"
    )
    changed = booting(text)
    assert "<!-- mine -->" in changed
    assert '<qemu:arg value="-x"/>' in changed
    assert 'passwd="hunter2"' in changed
    assert f"<uuid>{UUID % 1}</uuid>" in changed


def test_a_domain_that_starts_a_kernel_of_its_own_cannot_boot_from_a_device():
    text = a_domain(boot="<kernel>/vmlinuz</kernel>")
    assert domain.read(text).has_kernel
    with pytest.raises(Unusable, match="<os><kernel>"):
        booting(text)


@pytest.mark.parametrize("first", [NETWORK, DISK])
def test_a_domain_without_what_it_shall_boot_from_is_unusable(first):
    kind = "interface" if first == NETWORK else "disk"
    device = "<hostdev><boot order='1'/></hostdev>"
    text = f"<domain><name>n</name><os/><devices>{device}</devices></domain>"
    with pytest.raises(Unusable, match=f"has no .*{kind} to boot from"):
        booting(text, first)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("", "no XML"),
        ("<domain>", "no XML"),
        ("<network/>", "no <domain>"),
        ("<domain>&more;</domain>", "no XML"),
        ('<!DOCTYPE d [<!ENTITY x "y">]><domain>&x;</domain>', "document type"),
        ('<!DOCTYPE d SYSTEM "file:///etc/passwd"><domain/>', "document type"),
    ],
)
def test_what_is_no_definition_is_unusable(text, seen):
    with pytest.raises(Unusable, match=seen):
        domain.read(text)
    with pytest.raises(Unusable, match=seen):
        booting(text)


def test_a_definition_without_an_os_is_unusable():
    with pytest.raises(Unusable, match="no <os>"):
        booting("<domain><name>n</name></domain>")
