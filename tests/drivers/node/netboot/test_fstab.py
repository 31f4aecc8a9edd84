"""/etc/fstab: order, escapes, checks."""

from drydockd.drivers.node.netboot.fstab import fstab
from drydockd.drivers.node.netboot.installplan import FilesystemEntry, Place, StorageLayout


def entry(mountpoint, kind="ext4", uuid="u", options="defaults"):
    return FilesystemEntry(Place(0, 1), kind, uuid, mountpoint, options)


def lines(*entries):
    return fstab(StorageLayout((), (), entries, 0)).splitlines()


def test_parents_stand_before_what_is_mounted_below_them():
    made = lines(entry("/var/log"), entry("/boot/efi", "vfat"), entry("/var"), entry("/"))
    assert [line.split()[1] for line in made] == ["/", "/var", "/boot/efi", "/var/log"] or [
        line.split()[1] for line in made
    ] == ["/", "/var", "/var/log", "/boot/efi"]


def test_xfs_is_never_checked_at_boot_and_the_root_first():
    assert [line[-1] for line in lines(entry("/"), entry("/a", "xfs"), entry("/b"))] == [
        "1", "0", "2",
    ]  # fmt: skip


def test_a_blank_in_a_mountpoint_stays_one_field():
    (line,) = lines(entry("/srv/my disk\\x", uuid="1-2"))
    assert line == "UUID=1-2 /srv/my\\040disk\\134x ext4 defaults,x-systemd.device-timeout=600 0 2"


def test_a_machine_that_is_slow_to_find_its_disks_is_waited_for_as_long_as_the_design_says():
    (line,) = lines(entry("/srv", options="noatime"))
    assert line.split()[3] == "noatime,x-systemd.device-timeout=600"
    (line,) = lines(entry("/srv", options="noatime,x-systemd.device-timeout=5"))
    assert line.split()[3] == "noatime,x-systemd.device-timeout=5"
