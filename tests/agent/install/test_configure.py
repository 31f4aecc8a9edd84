"""Files of the installed system: below the target, whatever the image's links say."""

import io
import os
import stat
import tarfile

import pytest

from drydockd.agent.install.configure import (
    BadPath,
    below,
    chrooted,
    enable,
    fetch_boot_data,
    fresh_identity,
    install_packages,
    unpack_archive,
    write_file,
    write_files,
)
from drydockd.agent.install.programs import ToolFailed
from drydockd.agent.install.talk import Refused
from tests.agent.install.rig import Answer, Recorder, a_server, serving

KEY = "5ec4e7" * 10


@pytest.fixture
def target(tmp_path):
    (tmp_path / "target/etc").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    return tmp_path / "target"


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_files_have_their_text_and_mode(target):
    write_files(target, [{"path": "/etc/a/b", "text": "ü\n", "mode": 0o600},
                         {"path": "/run.sh", "text": "", "mode": 0o4755}])  # fmt: skip
    assert (target / "etc/a/b").read_text() == "ü\n"
    assert mode_of(target / "etc/a/b") == 0o600
    assert mode_of(target / "run.sh") == 0o4755


@pytest.mark.parametrize(
    "path", ["/../outside/x", "/etc/../../x", "etc/x", "", "/", "/etc/\0x", "/etc/./x"]
)
def test_a_path_that_is_none_is_refused(target, path):
    with pytest.raises(BadPath):
        write_file(target, path, b"x", 0o644)
    assert os.listdir(target.parent / "outside") == []


def test_a_link_in_the_place_of_a_file_is_replaced_not_followed(target):
    """resolv.conf of a Debian image is a link to systemd-resolved's."""
    victim = target.parent / "outside/victim"
    victim.write_text("mine")
    (target / "etc/resolv.conf").symlink_to(victim)
    write_file(target, "/etc/resolv.conf", b"nameserver 10.0.0.1\n", 0o644)
    assert victim.read_text() == "mine"
    assert not (target / "etc/resolv.conf").is_symlink()
    assert (target / "etc/resolv.conf").read_text() == "nameserver 10.0.0.1\n"


@pytest.mark.parametrize("to", ["/outside/new", "../../../outside/new", "{outside}"])
def test_a_folder_that_is_a_link_is_followed_as_the_installed_system_will(target, to):
    outside = target.parent / "outside"
    (target / "etc/link").symlink_to(to.format(outside=outside))
    write_file(target, "/etc/link/deep/file", b"x", 0o644)
    assert os.listdir(outside) == []
    (found,) = [path for path in target.rglob("file") if path.is_file()]
    assert found.resolve().is_relative_to(target)


def test_links_within_the_image_lead_where_they_say(target):
    (target / "usr/lib").mkdir(parents=True)
    (target / "lib").symlink_to("usr/lib")
    (target / "var").mkdir()
    (target / "var/run").symlink_to("/run")
    write_file(target, "/lib/x", b"1", 0o644)
    write_file(target, "/var/run/y", b"2", 0o644)
    assert (target / "usr/lib/x").read_bytes() == b"1"
    assert (target / "run/y").read_bytes() == b"2"


def test_a_circle_of_links_ends(target):
    (target / "a").symlink_to("b")
    (target / "b").symlink_to("a")
    with pytest.raises(BadPath, match="too many links"):
        write_file(target, "/a/x", b"", 0o644)


def test_a_folder_in_the_place_of_a_file_is_told(target):
    (target / "etc/x").mkdir()
    with pytest.raises(BadPath, match="/etc/x: there is a folder in its place"):
        write_file(target, "/etc/x", b"", 0o644)


def test_the_root_is_the_end_of_any_way_up(target):
    assert below(target, "/../../etc/../x") == target / "x"


# -- the machine's own keys


def test_keys_of_the_image_go_and_new_ones_are_made(target):
    (target / "etc/ssh").mkdir()
    (target / "etc/ssh/ssh_host_rsa_key.pub").write_text("old")
    (target / "usr/bin").mkdir(parents=True)
    (target / "usr/bin/ssh-keygen").write_text("")
    programs = Recorder()
    fresh_identity(target, programs)
    assert os.listdir(target / "etc/ssh") == []
    assert [ran.split()[-1] for ran in programs.ran] == [
        "/etc/ssh/ssh_host_ed25519_key",
        "/etc/ssh/ssh_host_ecdsa_key",
    ]


def test_an_image_without_ssh_keygen_needs_no_keys(target):
    fresh_identity(target, Recorder())
    (target / "etc/ssh").mkdir()
    programs = Recorder()
    fresh_identity(target, programs)
    assert programs.ran == []


def test_a_unit_that_cannot_be_enabled_fails(target):
    with pytest.raises(ToolFailed, match=r"systemctl enable b.service"):
        enable(target, ["a.service", "b.service"], Recorder("b.service"))


def test_packages_are_installed_only_if_there_are_any(target):
    programs = Recorder()
    install_packages(target, [], programs)
    assert programs.ran == []
    install_packages(target, ["a", "b=1"], programs)
    assert programs.ran[-1].endswith("apt-get install --yes --no-install-recommends a b=1")


def test_the_kernels_file_systems_are_let_go_of_whatever_happens(target):
    programs = Recorder("make-rslave " + str(target) + "/proc")
    with pytest.raises(ToolFailed), chrooted(target, programs):
        pass
    assert programs.ran[-2:] == [f"umount -R -l {target}/proc", f"umount -R -l {target}/dev"]
    programs = Recorder()
    with pytest.raises(KeyError), chrooted(target, programs):
        raise KeyError
    assert [ran for ran in programs.ran if ran.startswith("umount")] == [
        f"umount -R -l {target}{path}" for path in ("/run", "/sys", "/proc", "/dev")
    ]


# -- boot data


def an_archive(*members):
    """Members are (name, content) of files, or TarInfo."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size, info.mode = len(member[1]), 0o750
                archive.addfile(info, io.BytesIO(member[1]))
    return out.getvalue()


def a_member(name, kind, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def test_plain_files_of_an_archive_land_below_the_target(target):
    folder = a_member("./opt", tarfile.DIRTYPE)
    content = an_archive(folder, ("./opt/a", b"1"), ("/etc/b", b"2"), (".hidden/.c", b"3"))
    assert unpack_archive(target, content) == ["/opt/a", "/etc/b", "/.hidden/.c"]
    assert (target / "opt/a").read_bytes() == b"1"
    assert (target / ".hidden/.c").read_bytes() == b"3"
    assert mode_of(target / "opt/a") == 0o750


@pytest.mark.parametrize(
    "member",
    [
        a_member("etc/l", tarfile.SYMTYPE, "/etc/shadow"),
        a_member("etc/l", tarfile.LNKTYPE, "etc/shadow"),
        a_member("dev/x", tarfile.CHRTYPE),
        a_member("dev/x", tarfile.BLKTYPE),
        a_member("dev/x", tarfile.FIFOTYPE),
        ("../outside/x", b""),
        ("etc/../../outside/x", b""),
    ],
)
def test_what_is_no_plain_file_of_the_target_ends_the_step(target, member):
    with pytest.raises(BadPath):
        unpack_archive(target, an_archive(member))
    assert os.listdir(target.parent / "outside") == []


def test_an_archive_that_is_cut_or_none(target):
    with pytest.raises((tarfile.TarError, EOFError)):
        unpack_archive(target, an_archive(("a", os.urandom(5000)))[:3000])
    with pytest.raises(tarfile.TarError):
        unpack_archive(target, b"<html>")


def test_boot_data_is_fetched_with_its_key_which_is_nowhere_else_and_units_are_enabled(target):
    def answer(handler):
        units = handler.path.endswith("/units")
        name = "etc/systemd/system/x.service" if units else "opt/x"
        return Answer(body=an_archive((name, b"[Unit]")))

    programs, said = Recorder(), []
    with serving(answer) as s:
        boot = {"url": s.url + "/", "key": KEY, "hostname": "n1"}
        fetch_boot_data(target, boot, a_server("http://x", said=said), programs)
        asked = [(ask[1], ask[2]["X-Bootaction-Key"]) for ask in s.asked]
    assert asked == [("/bootdata/n1/units", KEY), ("/bootdata/n1/files", KEY)]
    assert (target / "opt/x").exists()
    (enabled,) = [ran for ran in programs.ran if "systemctl" in ran]
    assert enabled == f"chroot {target} env SYSTEMD_OFFLINE=1 systemctl enable x.service"
    assert KEY not in programs.journal.text() + "".join(said)


def test_a_failed_fetch_fails_the_step(target):
    with serving([Answer(404, b'{"message": "no boot data"}')]) as s:
        boot = {"url": s.url, "key": KEY, "hostname": "n1"}
        with pytest.raises(Refused, match="no boot data") as told:
            fetch_boot_data(target, boot, a_server("http://x"), Recorder())
    assert KEY not in str(told.value)
