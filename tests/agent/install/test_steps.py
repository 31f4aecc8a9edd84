"""The order of an installation, what each failure leaves; nothing is written before a match."""

import hashlib

import pytest

from drydockd.agent.install import steps
from drydockd.agent.install.configure import BadPath
from drydockd.agent.install.disks import NoMatch
from drydockd.agent.install.filesystems import CannotMake
from drydockd.agent.install.loader import BadOptions
from drydockd.agent.install.programs import ToolFailed
from drydockd.agent.install.steps import Installation, NotUnderstood
from drydockd.agent.install.talk import Refused
from drydockd.agent.install.unpack import WrongImage
from tests.agent.install.rig import MIB, Answer, Recorder, a_file_disk, a_server, serving
from tests.agent.install.test_filesystems import UUID, an_entry

IMAGE = b"image" * 1000
MAC = "52:54:00:00:00:01"
ALL = ["match", "wipe", "partition", "volumes", "mkfs", "unpack", "configure", "packages",
       "bootdata", "loader", "finish"]  # fmt: skip


def a_plan(**fields):
    return {
        "version": 1, "node": "n1", "nics": [MAC], "units": ["u.service"], "packages": ["p"],
        "image": {"kind": "squashfs", "size_bytes": len(IMAGE),
                  "sha256": hashlib.sha256(IMAGE).hexdigest()},
        "files": [{"path": "/etc/hostname", "text": "n1\n", "mode": 0o644}],
        "kernel": None, "kernel_params": "quiet", "firmware": None, "boot": None,
        "storage": {
            "boot_disk": 0,
            "disks": [{"find": {"serial": "S-file"}, "size_bytes": 3 * MIB, "partitions": [
                {"number": 1, "name": "root", "use": "linux", "start_mib": 1, "size_mib": 1}]}],
            "groups": [{"name": "vg", "members": [{"disk": 0, "partition": 1}], "volumes": []}],
            "filesystems": [an_entry(uuid=UUID)],
        },
        **fields,
    }  # fmt: skip


class Run:
    """An installation on a file of 3 MiB; `report` are the steps said."""

    def __init__(self, tmp_path, plan, programs, url="http://127.0.0.1:9", firmware="bios"):
        self.disk = a_file_disk(tmp_path / "disk", 3 * MIB)
        self.reported, self.target = [], tmp_path / "target"
        (self.target / "boot").mkdir(parents=True)
        for name in ("vmlinuz-6.1", "initrd.img-6.1"):
            (self.target / "boot" / name).write_text("")
        self.programs = programs
        self.installation = Installation(
            plan, server=a_server(url), programs=programs, journal=programs.journal,
            report=lambda step, percent: self.reported.append((step, percent)),
            here=[self.disk], macs=[MAC], firmware=firmware, target=self.target,
        )  # fmt: skip

    @property
    def is_untouched(self):
        with open(self.disk.path, "rb") as file:
            return file.read() == b"\xff" * 3 * MIB and not self.programs.ran

    def took(self):
        return [name for name, _ in self.installation.took]


def test_all_steps_in_their_order(tmp_path):
    with serving([Answer(body=IMAGE)]) as s:
        run = Run(tmp_path, a_plan(), Recorder(), s.url)
        run.installation.run()
    assert run.took() == ALL
    assert [step for step, percent in run.reported if percent is None] == ALL
    ran = [word.split()[0] for word in run.programs.ran]
    order = ["swapoff", "wipefs", "sfdisk", "pvcreate", "mkfs.ext4", "mount", "unsquashfs",
             "chroot", "sync"]  # fmt: skip
    assert [ran.index(word) for word in order] == sorted(ran.index(word) for word in order)
    assert run.programs.ran[-3:] == [f"umount -R {run.target}", "vgchange -an vg", "sync"]
    assert (run.target / "etc/hostname").read_text() == "n1\n"
    assert "quiet" in (run.target / "boot/grub/grub.cfg").read_text()


@pytest.mark.parametrize(
    ("word", "step"),
    [("wipefs", "wipe"), ("sfdisk", "partition"), ("vgcreate", "volumes"), ("mkfs.ext4", "mkfs"),
     ("mount -t ext4", "unpack"), ("unsquashfs", "unpack"), ("enable", "configure"),
     ("apt-get install", "packages"), ("grub-install", "loader"), ("umount -R", "finish")],
)  # fmt: skip
def test_a_failure_ends_with_its_step_and_no_later_one_is_begun(tmp_path, word, step):
    with serving([Answer(body=IMAGE)]) as s:
        run = Run(tmp_path, a_plan(), Recorder(word), s.url)
        with pytest.raises(ToolFailed, match=word):
            run.installation.run()
    assert run.took() == ALL[: ALL.index(step) + 1]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"version": 2}, NotUnderstood),
        ({"nics": ["02:00:00:00:00:09"]}, NoMatch),
        ({"firmware": "uefi"}, NoMatch),
        ({"kernel_params": 'a="b'}, BadOptions),
        ({"files": [{"path": "/../x", "text": "", "mode": 0o644}]}, BadPath),
        ({"storage": {**a_plan()["storage"], "filesystems": [an_entry("zfs")]}}, CannotMake),
        ({"storage": {**a_plan()["storage"],
                      "disks": [{"find": {"serial": "X"}, "size_bytes": 1, "partitions": []}]}},
         NoMatch),
    ],
)  # fmt: skip
def test_nothing_is_written_before_all_was_found_good(tmp_path, fields, error):
    run = Run(tmp_path, a_plan(**fields), Recorder())
    with pytest.raises(error):
        run.installation.run()
    assert run.is_untouched


@pytest.mark.parametrize(
    ("answer", "error"), [(Answer(404, b""), Refused), (Answer(body=b"short"), WrongImage)]
)
def test_nothing_is_written_for_an_image_that_is_not_there_or_another(tmp_path, answer, error):
    with serving([answer]) as s:
        run = Run(tmp_path, a_plan(), Recorder(), s.url)
        with pytest.raises(error):
            run.installation.run()
    assert run.is_untouched
    assert run.took() == ["match"]


def test_where_the_target_is():
    assert str(steps.TARGET) == "/target"
