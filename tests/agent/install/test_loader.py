"""GRUB's menu for the layouts there are, and what of the design must not break it."""

import pytest

from drydockd.agent.install import loader
from drydockd.agent.install.filesystems import Storage
from drydockd.agent.install.loader import BadOptions, NoKernel
from tests.agent.install.rig import Recorder, a_disk
from tests.agent.install.test_filesystems import PLAN as LVM
from tests.agent.install.test_filesystems import an_entry

FLAT = {"groups": [], "filesystems": [an_entry(uuid="r00t")]}
WITH_BOOT = {"groups": [], "filesystems": [an_entry(uuid="r00t"),
                                           an_entry(uuid="b00t", mountpoint="/boot")]}  # fmt: skip


@pytest.fixture
def target(tmp_path):
    add(tmp_path, "6.1.0-9-amd64", "6.1.0-18-amd64")
    return tmp_path


def add(target, *versions):
    (target / "boot").mkdir(exist_ok=True)
    for version in versions:
        (target / f"boot/vmlinuz-{version}").write_text("")
        (target / f"boot/initrd.img-{version}").write_text("")


def menu(target, storage=FLAT, **plan):
    made = Storage(storage, [a_disk("vda"), a_disk("vdb")], Recorder())
    return loader.grub_cfg({"node": "n1", **plan}, target, made)


def line(text, word):
    (found,) = [row.strip() for row in text.splitlines() if row.strip().startswith(word)]
    return found


def test_one_file_system_holds_all(target):
    text = menu(target, kernel_params="quiet panic=30")
    assert line(text, "search") == "search --no-floppy --fs-uuid --set=root r00t"
    assert line(text, "linux") == (
        "linux /boot/vmlinuz-6.1.0-18-amd64 root=UUID=r00t ro quiet panic=30"
    )
    assert line(text, "initrd") == "initrd /boot/initrd.img-6.1.0-18-amd64"


def test_a_separate_boot_is_its_own_root(target):
    text = menu(target, WITH_BOOT)
    assert line(text, "search").endswith("b00t")
    assert line(text, "linux").startswith("linux /vmlinuz-6.1.0-18-amd64 root=UUID=r00t")
    assert line(text, "initrd") == "initrd /initrd.img-6.1.0-18-amd64"


def test_a_root_on_a_volume_is_found_by_its_device(target):
    assert "root=/dev/mapper/vg--a-root ro" in menu(target, LVM)


@pytest.mark.parametrize(
    ("wanted", "got"), [(None, "6.1.0-18-amd64"), ("6.1.0-9-amd64", "6.1.0-9-amd64")]
)
def test_the_kernel_is_the_plans_or_the_newest_by_number(target, wanted, got):
    assert loader.chosen_kernel(target, wanted) == got


def test_a_kernel_that_is_not_there_or_has_no_initrd_is_told(target):
    with pytest.raises(NoKernel, match=r"kernel 5\.4: the image has 6\.1\.0-18-amd64, 6\.1\.0-9"):
        loader.chosen_kernel(target, "5.4")
    for file in (target / "boot").glob("initrd*"):
        file.unlink()
    with pytest.raises(NoKernel, match="kernel any: the image has none"):
        loader.chosen_kernel(target, None)


@pytest.mark.parametrize(
    ("options", "quoted"),
    [
        ("", ""),
        ("a=b,c  d=/e:f", "a=b,c d=/e:f"),
        ("x=$(reboot)", "'x=$(reboot)'"),
        ("a;b {c} #d", "'a;b' '{c}' '#d'"),
        ("it's", "'it'\\''s'"),
        ('dyndbg="file a +p" y', "'dyndbg=file a +p' y"),
        ("back\\slash", "'back\\slash'"),
    ],
)
def test_arguments_of_the_kernel_are_no_script_of_grub(options, quoted):
    assert loader.quoted(options) == quoted


def test_a_quote_that_is_not_closed_is_told():
    with pytest.raises(BadOptions, match="No closing quotation"):
        loader.quoted('a="b c')


def test_a_name_cannot_leave_the_menu(target):
    assert "menuentry 'n\"1\" {} 6.1.0-18-amd64' {" in menu(target, node='n"1" {}')


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("quiet", None),
        ("console=tty0 console=ttyS1,57600n8", "serial --unit=1 --speed=57600"),
        ("console=ttyS0", "serial --unit=0 --speed=115200"),
    ],
)
def test_the_menu_is_on_the_serial_console_of_the_kernel(target, options, words):
    text = menu(target, kernel_params=options)
    assert (words in text) if words else ("serial" not in text)


@pytest.mark.parametrize(
    ("booted_by", "words"),
    [("bios", "--target=i386-pc /dev/vda"),
     ("uefi", "--target=x86_64-efi --efi-directory=/boot/efi --removable --no-nvram")],
)  # fmt: skip
def test_grub_is_installed_for_the_firmware_that_is_there(target, booted_by, words):
    programs, plan = Recorder(), {"node": "n1"}
    (target / "boot/grub").symlink_to("/nowhere")
    disk = a_disk("vda")
    loader.install(plan, target, disk, Storage(FLAT, [disk], programs), programs,
                   booted_by=booted_by)  # fmt: skip
    assert programs.ran == [f"chroot {target} grub-install {words}"]
    assert "menuentry" in (target / "nowhere/grub.cfg").read_text()


def test_firmware_is_what_the_machine_started_with(tmp_path):
    assert loader.firmware(tmp_path) == "bios"
    (tmp_path / "firmware/efi").mkdir(parents=True)
    assert loader.firmware(tmp_path) == "uefi"
