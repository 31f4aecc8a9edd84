"""Real images of both kinds over a real server: whole, wrong, too long for the disk."""

import hashlib
import os
import shutil
import subprocess

import pytest

from drydockd.agent.install import unpack as module
from drydockd.agent.install.programs import Programs, ToolFailed
from drydockd.agent.install.talk import NotTaken, Refused
from drydockd.agent.install.unpack import WrongImage, check, unpack
from tests.agent.install.rig import MIB, Answer, a_server, quiet, serving

NEEDS = {"squashfs": ("mksquashfs", "unsquashfs"), "tar.zst": ("zstd", "tar")}


@pytest.fixture
def root(tmp_path):
    made = tmp_path / "root"
    (made / "etc").mkdir(parents=True)
    (made / "etc/hostname").write_text("image\n")
    (made / "blob").write_bytes(os.urandom(3_000_000))
    (made / "link").symlink_to("etc/hostname")
    (made / "etc/hostname").chmod(0o640)
    return made


@pytest.fixture(params=NEEDS)
def image(request, root, tmp_path):
    """(entry of the plan, bytes)."""
    kind = request.param
    for program in NEEDS[kind]:
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}")
    file = tmp_path / "image"
    if kind == "squashfs":
        subprocess.run(["mksquashfs", root, file, "-quiet", "-no-progress", "-comp", "zstd"],
                       check=True, stdout=subprocess.DEVNULL)  # fmt: skip
    else:
        subprocess.run(f"tar -C {root} -c . | zstd -q -o {file}", shell=True, check=True)
    content = file.read_bytes()
    entry = {"kind": kind, "sha256": hashlib.sha256(content).hexdigest(),
             "size_bytes": len(content)}  # fmt: skip
    return entry, content


@pytest.fixture
def target(tmp_path):
    (tmp_path / "target").mkdir()
    return tmp_path / "target"


def unpacked(entry, answer, target):
    told = []
    with serving(answer) as s:
        unpack(entry, target, a_server(s.url), Programs(quiet()), told.append)
        return told, s.asked


def test_an_image_lands_whole_and_nothing_else(image, root, target):
    entry, content = image
    told, asked = unpacked(entry, [Answer(body=content)], target)
    assert sorted(os.listdir(target)) == ["blob", "etc", "link"]
    assert (target / "blob").read_bytes() == (root / "blob").read_bytes()
    assert (target / "etc/hostname").stat().st_mode & 0o777 == 0o640
    assert os.readlink(target / "link") == "etc/hostname"
    assert asked[0][1] == f"/boot/image/{entry['sha256']}"
    assert told[-1] == 100
    assert told == sorted(told)


def test_an_image_that_is_cut_on_its_way_lands_whole(image, root, target):
    entry, content = image
    half = len(content) // 2
    headers = {"Content-Range": f"bytes {half}-{len(content) - 1}/{len(content)}"}
    answers = [Answer(body=content[:half], promised=len(content)),
               Answer(206, content[half:], headers=headers)]  # fmt: skip
    unpacked(entry, answers, target)
    assert (target / "blob").read_bytes() == (root / "blob").read_bytes()


def test_other_bytes_of_the_same_length_are_refused(image, target):
    entry, content = image
    with pytest.raises(WrongImage, match="verify it with drydock image verify"):
        unpacked({**entry, "sha256": "0" * 64}, [Answer(body=content)], target)
    assert not (target / module.SPOOL).exists()


def test_an_image_shorter_than_the_plan_says_is_never_taken_for_whole(image, target):
    entry, content = image
    answer = [Answer(body=content), Answer(416, b'{"message": "behind the end"}')]
    with pytest.raises(Exception, match="416: behind the end"):
        unpacked({**entry, "size_bytes": len(content) + 1}, answer, target)


def test_an_image_longer_than_the_plan_says_has_another_sum(image, target):
    entry, content = image
    with pytest.raises((WrongImage, ToolFailed)):
        unpacked({**entry, "size_bytes": len(content) - 1}, [Answer(body=content)], target)


def test_a_tar_that_is_none_has_the_words_of_its_program(target):
    if shutil.which("zstd") is None:
        pytest.skip("needs zstd")
    content = b"no image" * 1000
    entry = {"kind": "tar.zst", "sha256": hashlib.sha256(content).hexdigest(),
             "size_bytes": len(content)}  # fmt: skip
    with pytest.raises(ToolFailed, match=r"zstd -d -c: exit status 1.*unsupported format"):
        unpacked(entry, [Answer(body=content)], target)


def test_a_kind_of_a_newer_server_is_told():
    with pytest.raises(WrongImage, match=r"kind erofs: this agent unpacks squashfs, tar\.zst"):
        check({"kind": "erofs"}, None)


ENTRY = {"kind": "squashfs", "sha256": "a" * 64, "size_bytes": 7}


def test_an_image_of_the_right_length_is_not_fetched_to_know_that():
    with serving([Answer(body=b"1234567")]) as s:
        check(ENTRY, a_server(s.url))
    assert [asked[:2] for asked in s.asked] == [("HEAD", f"/boot/image/{'a' * 64}")]


def test_an_image_that_is_gone_or_of_another_length_is_known_before_anything_is_written():
    with serving([Answer(404, b"")]) as s, pytest.raises(Refused, match="404"):
        check(ENTRY, a_server(s.url))
    with (
        serving([Answer(body=b"123456")]) as s,
        pytest.raises(WrongImage, match="has 6 bytes, the plan says 7: verify it with"),
    ):
        check(ENTRY, a_server(s.url))


@pytest.fixture
def small(target):
    """A file system of 2 MiB on the target."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", target], check=False)
    if done.returncode:
        pytest.skip("needs the right to mount")
    yield target
    subprocess.run(["umount", target], check=True)


def test_a_full_disk_ends_the_step_at_once_with_its_reason(image, small):
    entry, content = image
    assert len(content) > 2 * MIB
    words = "No space left on device|Wrote only"
    with pytest.raises((NotTaken, OSError, ToolFailed), match=words):
        unpacked(entry, [Answer(body=content)], small)
    assert not (small / module.SPOOL).exists()
