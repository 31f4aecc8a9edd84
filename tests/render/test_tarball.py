"""The archive: what tar reads from it, and that its bytes never vary."""

import gzip
import io
import os
import subprocess
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydockd.errors import RenderError
from drydockd.model import Pin
from drydockd.render import ByteCache, RenderedAsset, pack, tar_gz
from drydockd.render.tarball import PinnedAsset, check_path, pieces


def asset(path="/etc/x", content=b"hello\n", mode=0o600):
    return RenderedAsset("act", "file", path, mode, content)


def members(archive):
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        return [(m, tar.extractfile(m).read()) for m in tar]


def test_a_member_is_a_regular_file_of_root_at_the_epoch():
    ((member, content),) = members(tar_gz([asset(mode=0o4755)]))
    assert content == b"hello\n"
    assert member.isreg()
    assert (member.name, member.mode, member.mtime) == ("/etc/x", 0o4755, 0)
    assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "", "")


def test_nothing_to_send_is_an_empty_archive():
    assert members(tar_gz([])) == []


def test_the_same_path_twice_stays_twice_in_order():
    got = members(tar_gz([asset(content=b"1"), asset(content=b"2")]))
    assert [(m.name, content) for m, content in got] == [("/etc/x", b"1"), ("/etc/x", b"2")]


@pytest.mark.parametrize("length", [99, 100, 101, 255, 256, 1000, 4095])
def test_long_paths_arrive_whole(length):
    path = ("/" + "d" * 79) * 60
    path = path[: length - 1] + "f"
    ((member, _),) = members(tar_gz([asset(path)]))
    assert member.name == path


def test_a_path_may_be_in_any_language():
    ((member, _),) = members(tar_gz([asset("/etc/größe/日本")]))
    assert member.name == "/etc/größe/日本"


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("", "does not start with /"),
        ("etc/x", "does not start with /"),
        ("/etc/", "ends with /"),
        ("/", "ends with /"),
        ("/a\nb", "control character"),
        ("/a\x00b", "control character"),
        ("/a/../b", r"\.\. segment"),
        ("/..", r"\.\. segment"),
        ("/" + "x" * 4096, "longer than 4095 bytes"),
        ("/\ud800", "UTF-8"),
    ],
)
def test_a_dangerous_path_is_refused(path, why):
    with pytest.raises(RenderError, match=why):
        check_path(path)


def test_dots_that_do_not_climb_are_fine():
    check_path("/etc/..data/x...y/.z")


def test_gnu_tar_itself_reads_it(tmp_path):
    deep = "/" + "/".join(["folder" * 5] * 6) + "/file"
    (tmp_path / "x.tar.gz").write_bytes(
        tar_gz([asset("/a", b"one"), asset(deep, os.urandom(300_000)), asset("/empty", b"")])
    )
    listing = subprocess.run(
        ["tar", "-Ptvzf", "x.tar.gz", "--numeric-owner"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "TZ": "UTC"},
    )
    assert listing.stderr == ""
    lines = [line.split() for line in listing.stdout.splitlines()]
    assert [(line[0], line[1], line[2], line[-1]) for line in lines] == [
        ("-rw-------", "0/0", "3", "/a"),
        ("-rw-------", "0/0", "300000", deep),
        ("-rw-------", "0/0", "0", "/empty"),
    ]


contents = st.one_of(
    st.binary(max_size=2000),
    st.integers(0, 3000).map(lambda n: b"abc" * n),
    st.sampled_from([b"z" * 300_000, bytes(range(256)) * 3000]),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(contents, max_size=5))
def test_same_assets_same_bytes_cached_or_not(found):
    assets = [asset(f"/f{n % 3}", content) for n, content in enumerate(found)]
    whole = tar_gz(assets)
    cache = ByteCache(1 << 20)
    assert whole == tar_gz(assets, cache) == tar_gz(assets, cache)
    assert [content for _, content in members(whole)] == found
    assert len(gzip.decompress(whole)) % tarfile.RECORDSIZE == 0


@settings(max_examples=40, deadline=None)
@given(st.lists(contents, min_size=1, max_size=4))
def test_a_pinned_source_stands_between_rendered_files_as_it_was_packed(found):
    blobs, assets = {}, [asset("/rendered", b"r")]
    for n, content in enumerate(found):
        packed = pack(content)
        names = tuple(f"{n}-{i}" for i in range(len(packed.parts)))
        blobs |= dict(zip(names, packed.parts, strict=True))
        pin = Pin("act/0", "", packed.size, packed.crc, sum(map(len, packed.parts)), names)
        assets.append(PinnedAsset("act", "file", f"/pinned{n}", 0o644, pin))
    assets.append(asset("/last", b"l"))
    whole = b"".join(p if isinstance(p, bytes) else blobs[p] for p in pieces(assets))
    # gzip checks length and CRC-32 of all of it.
    assert [content for _, content in members(whole)] == [b"r", *found, b"l"]
    assert [info.mode for info, _ in members(whole)][1:-1] == [0o644] * len(found)


def test_the_header_says_nothing_that_varies():
    assert tar_gz([asset()])[:10] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


def test_an_asset_does_not_show_its_content():
    assert "hello" not in repr(asset())
