"""The agent's initrd."""

import os
import subprocess
import sys
import zipfile

import pytest

from drydockd.errors import InvalidInput, Unavailable
from drydockd.images.initrd import (
    bundle,
    cpio,
    early_modules,
    furnish,
    spare_modules,
    trim,
    way_in,
    write_initrd,
)

DEP = {
    "kernel/fs/overlayfs/overlay.ko": [],
    "kernel/fs/squashfs/squashfs.ko": ["kernel/lib/zstd.ko"],
    "kernel/lib/zstd.ko": [],
    "kernel/sound/beep.ko": [],
    "kernel/net/netfilter/nf_flow_table.ko": [],
    "kernel/net/netfilter/xt_other.ko": ["kernel/net/netfilter/nf_flow_table.ko"],
    "kernel/drivers/net/nic.ko": ["kernel/net/netfilter/nf_flow_table.ko"],
}


@pytest.fixture
def root(tmp_path):
    """A root with a kernel 6.1 of which `loop` is a part."""
    folder = tmp_path / "root/lib/modules/6.1"
    for path in DEP:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(path)
    lines = [f"{path}: {' '.join(after)}\n" for path, after in DEP.items()]
    (folder / "modules.dep").write_text("".join(lines))
    (folder / "modules.builtin").write_text("kernel/drivers/block/loop.ko\n")
    return tmp_path / "root"


def test_the_bundle_runs_alone_and_has_nothing_of_drydockd_but_itself(tmp_path):
    path = tmp_path / "agent.pyz"
    bundle(path)
    with zipfile.ZipFile(path) as archive:
        names = [n for n in archive.namelist() if n.endswith(".py") and "__" not in n]
    assert names
    assert all(name.startswith("drydockd/agent/install/") for name in names)
    # Isolated: neither this checkout nor what is installed beside it. The kernel's command line
    # of this machine has no word for an agent; to get there it has imported all it needs.
    done = subprocess.run(
        [sys.executable, "-I", "-S", path], cwd=tmp_path, env={}, capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert "not started by drydockd" in done.stderr


def test_every_module_of_the_bundle_is_imported_by_the_standard_library_alone(tmp_path):
    path = tmp_path / "agent.pyz"
    bundle(path)
    code = (
        "import sys, pkgutil, importlib; sys.path.insert(0, sys.argv[1])\n"
        "import drydockd.agent.install as package\n"
        "for found in pkgutil.iter_modules(package.__path__): "
        "importlib.import_module(f'drydockd.agent.install.{found.name}'); print(found.name)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, path], env={}, cwd=tmp_path,
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert {"work", "steps", "loader"} <= set(done.stdout.split())


def test_the_way_in_gets_the_modules_it_needs_with_what_they_need(root, tmp_path):
    early_modules(root, tmp_path / "early")
    folder = tmp_path / "early/lib/modules/6.1"
    copied = {p.relative_to(folder).as_posix() for p in folder.rglob("*.ko")}
    assert copied == {
        "kernel/fs/overlayfs/overlay.ko", "kernel/fs/squashfs/squashfs.ko", "kernel/lib/zstd.ko",
    }  # fmt: skip
    assert "squashfs.ko: kernel/lib/zstd.ko\n" in (folder / "modules.dep").read_text()


def test_a_kernel_that_cannot_mount_the_agent_is_refused(root, tmp_path):
    (root / "lib/modules/6.1/modules.builtin").write_text("")
    with pytest.raises(InvalidInput, match=r"the kernel 6\.1 has no module loop"):
        early_modules(root, tmp_path / "early")
    (root / "lib/modules/6.2").mkdir()
    with pytest.raises(InvalidInput, match=r"one kernel is wanted, found 6\.1, 6\.2"):
        early_modules(root, tmp_path / "again")


def test_a_listed_module_that_a_nic_needs_stays():
    assert spare_modules(DEP) == {"kernel/sound/beep.ko", "kernel/net/netfilter/xt_other.ko"}


def test_trimming_keeps_copyrights(root):
    for name in ("usr/share/perl5/x.pm", "usr/share/doc/perl/copyright", "usr/bin/perl5.36"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("")
    trim(root)
    assert not (root / "usr/share/perl5").exists()
    assert not (root / "usr/bin/perl5.36").exists()
    assert (root / "usr/share/doc/perl/copyright").exists()
    assert not (root / "lib/modules/6.1/kernel/sound/beep.ko").exists()
    assert (root / "lib/modules/6.1/kernel/net/netfilter/nf_flow_table.ko").exists()


def test_the_agents_system_leaves_disks_alone_until_it_is_told(root):
    furnish(root)
    assert "auto_activation_volume_list = []" in (root / "etc/lvm/lvmlocal.conf").read_text()
    assert (root / "etc/mdadm/mdadm.conf").read_text() == "AUTO -all\n"
    for name in ("sbin/drydock-init", "usr/share/udhcpc/default.script"):
        assert os.access(root / name, os.X_OK)
    assert zipfile.is_zipfile(root / "usr/lib/drydock/agent.pyz")


@pytest.mark.peer("images")
def test_an_initrd_is_two_archives_one_after_the_other(tmp_path):
    squashfs, early, initrd = tmp_path / "s", tmp_path / "early", tmp_path / "initrd"
    squashfs.write_bytes(b"hsqs" + b"\1" * 1001)
    (tmp_path / "busybox").write_text("")
    way_in(early, tmp_path / "busybox")
    write_initrd(initrd, squashfs, early)
    content = initrd.read_bytes()
    end = content.index(b"\x28\xb5\x2f\xfd")  # the magic of zstd
    assert end % 4 == 0
    assert listed(content[:end]) == [".", "agent.squashfs"]
    plain = subprocess.run(
        ["zstd", "-d", "-q", "-c"], input=content[end:], capture_output=True, check=True
    ).stdout
    assert listed(plain) == [".", "bin", "bin/busybox", "init"]
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["early"]


def listed(archive):
    done = subprocess.run(
        ["cpio", "--quiet", "--list"], input=archive, capture_output=True, check=True
    )
    return done.stdout.decode().split()


@pytest.mark.peer("images")
def test_an_archive_is_roots_and_a_failure_of_cpio_is_told(tmp_path, monkeypatch):
    (tmp_path / "x").write_text("")
    assert listed(cpio(tmp_path)) == [".", "x"]
    monkeypatch.setattr(type(tmp_path), "rglob", lambda self, pattern: [self / "not there"])
    with pytest.raises(Unavailable, match="cpio: exit status"):
        cpio(tmp_path)
