"""Files of an installed system."""

import os
import shutil
import subprocess
from dataclasses import replace

import pytest

from drydockd.drivers.node.netboot.messages import FirstBoot
from drydockd.drivers.node.netboot.target import (
    FIRST_BOOT_SECRET,
    Target,
    first_boot,
    target_files,
)
from drydockd.errors import DriverUnsupported
from drydockd.site import Repository

KEY = "-----BEGIN PGP PUBLIC KEY BLOCK-----\nabc\n-----END PGP PUBLIC KEY BLOCK-----"
DEBIAN = Repository(
    "debian",
    "http://10.0.0.1/debian",
    "apt",
    distributions=("bookworm",),
    subrepos=("bookworm-updates",),
    components=("main", "contrib"),
    gpgkey=KEY,
)
TARGET = Target(
    "n1",
    "lab.example",
    kernel_params='quiet a="b $c`d`"',
    dns_servers=("10.0.0.53",),
    authorized_keys=("ssh-ed25519 AAAA one\n", "ssh-ed25519 BBBB two"),
    repositories=(DEBIAN,),
)


def files(target=TARGET):
    return {entry.path: entry for entry in target_files(target)}


def test_the_machine_knows_its_names():
    made = files()
    assert made["/etc/hostname"].text == "n1\n"
    assert "127.0.1.1 n1.lab.example n1\n" in made["/etc/hosts"].text
    assert made["/etc/resolv.conf"].text == "search lab.example\nnameserver 10.0.0.53\n"
    assert made["/etc/machine-id"].text == ""


def test_keys_are_one_to_a_line_and_roots_alone():
    entry = files()["/root/.ssh/authorized_keys"]
    assert entry.text == "ssh-ed25519 AAAA one\nssh-ed25519 BBBB two\n"
    assert entry.mode == 0o600


def test_the_secret_of_the_first_boot_is_roots_alone_and_in_no_representation():
    (entry,) = first_boot("http://10.0.0.1:9100", "s" * 64)
    assert entry.path == FIRST_BOOT_SECRET
    assert entry.mode == 0o600
    assert entry.text == f"http://10.0.0.1:9100 {'s' * 64}\n"
    assert "s" * 64 not in repr(entry)


def test_kernel_parameters_survive_the_shell_that_reads_them():
    text = files()["/etc/default/grub.d/50-drydock.cfg"].text
    done = subprocess.run(
        ["sh", "-c", text + 'printf %s "$GRUB_CMDLINE_LINUX"'],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == TARGET.kernel_params


def test_a_repository_is_one_list_with_its_key_beside():
    made = files()
    assert made["/etc/apt/sources.list.d/drydock-debian.list"].text == (
        "deb [arch=amd64 signed-by=/etc/apt/keyrings/drydock-debian.asc] "
        "http://10.0.0.1/debian bookworm main contrib\n"
        "deb [arch=amd64 signed-by=/etc/apt/keyrings/drydock-debian.asc] "
        "http://10.0.0.1/debian bookworm-updates main contrib\n"
    )
    assert made["/etc/apt/keyrings/drydock-debian.asc"].text == KEY + "\n"


def test_lists_of_the_image_go_where_the_design_says_so():
    assert "/etc/apt/sources.list" not in files()
    assert files(replace(TARGET, remove_unlisted=True))["/etc/apt/sources.list"].text == ""


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"repo_type": "rpm"}, "repository debian: repo_type rpm"),
        ({"name": "../x"}, "the name must be"),
        ({"url": "http://x\ndeb http://evil"}, "line break"),
        ({"gpgkey": "abc"}, "no armoured PGP"),
        ({"distributions": None, "subrepos": None}, "distributions are needed"),
    ],
)
def test_what_cannot_be_honoured_is_refused_with_the_repositorys_name(changes, words):
    with pytest.raises(DriverUnsupported, match=words):
        target_files(replace(TARGET, repositories=(replace(DEBIAN, **changes),)))


def test_a_key_of_two_lines_is_refused():
    with pytest.raises(DriverUnsupported, match="line break"):
        target_files(replace(TARGET, authorized_keys=("a\nb",)))


@pytest.mark.skipif(shutil.which("dash") is None, reason="dash is not installed")
def test_the_report_of_the_first_boot_is_posix_shell():
    program = files()["/usr/local/sbin/drydock-first-boot"]
    assert program.mode == 0o755
    subprocess.run(["dash", "-n"], input=program.text, text=True, check=True)


@pytest.mark.skipif(shutil.which("dash") is None, reason="dash is not installed")
def test_the_first_boot_reports_its_kernels_command_line_as_json(tmp_path):
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("ip", "systemctl"):
        write_program(tools / name, "exit 0")
    keeps = f'case "$word" in {{*) printf %s "$word" >{tmp_path}/body;; esac'
    write_program(tools / "curl", f"for word do {keeps}; done; cat >/dev/null; printf 200")
    (tmp_path / "first-boot").write_text("http://boot secret\n")
    (tmp_path / "cmdline").write_text('BOOT_IMAGE=/vmlinuz "a b" quiet\n')
    text = files()["/usr/local/sbin/drydock-first-boot"].text
    for path in ("/etc/drydock", "/etc/systemd/system", "/usr/local/sbin"):
        text = text.replace(path, str(tmp_path))
    text = text.replace("/proc/cmdline", str(tmp_path / "cmdline"))
    path = f"{tools}:{os.environ['PATH']}"
    subprocess.run(["dash"], input=text, text=True, check=True, env={"PATH": path}, timeout=60)

    body = FirstBoot.model_validate_json((tmp_path / "body").read_text())
    assert body.cmdline == "BOOT_IMAGE=/vmlinuz a b quiet"
    assert not (tmp_path / "first-boot").exists()


def write_program(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
