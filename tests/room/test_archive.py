"""Archives nobody vouches for: nothing leaves the folder, nothing grows without bound."""

import gzip
import io
import os
import tarfile

import pytest

from drydockd.room.archive import ArchiveRefused, apply_modes, unpack
from tests.room.helpers import gz, tar_gz


def unpacked(data, root, *, max_bytes=10_000, max_members=10):
    return unpack(io.BytesIO(data), root, max_bytes=max_bytes, max_members=max_members)


def member(name, kind=tarfile.REGTYPE, **fields):
    info = tarfile.TarInfo(name)
    info.type = kind
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def everything_below(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def test_absolute_names_land_below_the_root(tmp_path):
    [file] = unpacked(tar_gz(("/etc/motd", "hello\n"), mode=0o4750), tmp_path / "root")
    assert str(file.path) == "etc/motd"
    assert (tmp_path / "root/etc/motd").read_text() == "hello\n"
    assert everything_below(tmp_path) == ["root", "root/etc", "root/etc/motd"]


def test_modes_are_given_last_and_without_set_id_bits(tmp_path):
    files = unpacked(tar_gz(("/run.sh", "x"), mode=0o4550), tmp_path)
    assert (tmp_path / "run.sh").stat().st_mode & 0o7777 == 0o600
    apply_modes(tmp_path, files)
    assert (tmp_path / "run.sh").stat().st_mode & 0o7777 == 0o550


def test_of_two_members_with_one_name_the_last_wins(tmp_path):
    files = unpacked(tar_gz(("/a", "first"), ("//a", "second")), tmp_path)
    assert [f.size_bytes for f in files] == [6]
    assert (tmp_path / "a").read_text() == "second"


def test_an_empty_archive_is_fine(tmp_path):
    assert unpacked(tar_gz(), tmp_path) == ()


@pytest.mark.parametrize("name", ["../out", "/a/../../out", "a/..", "..", "/", "", "./"])
def test_a_name_that_leads_out_or_nowhere_is_refused(tmp_path, name):
    root = tmp_path / "in" / "root"
    with pytest.raises(ArchiveRefused):
        unpacked(tar_gz((name, "x")), root)
    assert everything_below(tmp_path) == ["in", "in/root"]


@pytest.mark.parametrize(
    "info",
    [
        member("link", tarfile.SYMTYPE, linkname="/etc/passwd"),
        member("hard", tarfile.LNKTYPE, linkname="/etc/passwd"),
        member("fifo", tarfile.FIFOTYPE),
        member("null", tarfile.CHRTYPE, devmajor=1, devminor=3),
        member("disk", tarfile.BLKTYPE, devmajor=8),
        member("dir", tarfile.DIRTYPE),
        member("sparse", tarfile.GNUTYPE_SPARSE),
        member("cont", tarfile.CONTTYPE),
    ],
    ids=lambda info: info.name,
)
def test_anything_but_a_regular_file_is_refused(tmp_path, info):
    with pytest.raises(ArchiveRefused, match=r"only regular files|not a whole"):
        unpacked(tar_gz(info), tmp_path)
    assert everything_below(tmp_path) == []


def test_a_link_that_is_there_already_is_replaced_and_not_followed(tmp_path):
    outside = tmp_path / "outside"
    outside.write_text("untouched")
    root = tmp_path / "root"
    root.mkdir()
    (root / "file").symlink_to(outside)
    unpacked(tar_gz(("/file", "new")), root)
    assert outside.read_text() == "untouched"
    assert not (root / "file").is_symlink()


def test_a_file_cannot_become_a_folder_nor_a_folder_a_file(tmp_path):
    with pytest.raises(ArchiveRefused, match="a/b"):
        unpacked(tar_gz(("/a", "x"), ("/a/b", "y")), tmp_path / "1")
    with pytest.raises(ArchiveRefused, match="'a'"):
        unpacked(tar_gz(("/a/b", "x"), ("/a", "y")), tmp_path / "2")


def test_more_members_than_allowed_are_refused(tmp_path):
    with pytest.raises(ArchiveRefused, match="more than 10 members"):
        unpacked(tar_gz(*((f"/{i}", "") for i in range(11))), tmp_path)


def test_more_bytes_than_allowed_are_refused_before_they_are_written(tmp_path):
    with pytest.raises(ArchiveRefused, match="more than 10000 bytes"):
        unpacked(tar_gz(("/big", b"\0" * 10_001)), tmp_path)
    assert everything_below(tmp_path) == []


def test_a_bomb_in_a_header_ends_at_the_limit(tmp_path):
    # A PAX header of 50 MB of zeros: read whole by tarfile before any member is seen.
    huge = 50 * 2**20
    header = member("pax", tarfile.XHDTYPE, size=huge).tobuf(tarfile.USTAR_FORMAT)
    bomb = gz(header + b"\0" * huge)
    assert len(bomb) < 100_000
    with pytest.raises(ArchiveRefused, match="more bytes than allowed"):
        unpacked(bomb, tmp_path)


@pytest.mark.parametrize(
    "data",
    [b"", b"no gzip", gz(b"no tar" * 200), tar_gz(("/a", "x" * 5000))[:60]],
    ids=["empty", "not-gzip", "not-tar", "cut-off"],
)
def test_what_is_no_whole_archive_is_refused(tmp_path, data):
    with pytest.raises(ArchiveRefused, match="not a whole gzipped tar"):
        unpacked(data, tmp_path)


def test_a_member_cut_off_inside_is_refused(tmp_path):
    header = member("a", size=2000).tobuf(tarfile.USTAR_FORMAT)
    with pytest.raises(ArchiveRefused):
        unpacked(gz(header + b"x" * 512), tmp_path)


def test_names_too_long_for_any_file_system_are_refused(tmp_path):
    with pytest.raises(ArchiveRefused, match="too long"):
        unpacked(tar_gz(("/" + "a" * 300, "x")), tmp_path)


def test_random_damage_never_writes_outside(tmp_path):
    whole = tar_gz(("/etc/a", "x" * 600), ("/etc/b", "y" * 600))
    plain = gzip.decompress(whole)
    root = tmp_path / "root"
    for position in range(0, 512, 7):
        damaged = bytearray(plain)
        damaged[position] ^= 0xFF
        try:
            unpacked(gz(bytes(damaged)), root)
        except ArchiveRefused:
            continue
    assert os.listdir(tmp_path) == ["root"]
