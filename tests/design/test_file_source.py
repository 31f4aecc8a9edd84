"""Files are read under the configured folders, and nowhere else."""

import os
import threading
from contextlib import suppress

import pytest

from drydockd.design.file_source import Roots
from drydockd.errors import InvalidDesign


@pytest.fixture
def root(tmp_path):
    (tmp_path / "designs" / "sub").mkdir(parents=True)
    (tmp_path / "designs" / "site.yaml").write_bytes(b"content")
    (tmp_path / "secret").write_bytes(b"secret")
    return tmp_path / "designs"


def read(root, path, max_bytes=1000):
    return Roots([root], max_bytes=max_bytes).read("ref", str(path))


def refusal(root, path, **options) -> str:
    with pytest.raises(InvalidDesign) as caught:
        read(root, path, **options)
    assert "secret content" not in str(caught.value)
    return str(caught.value)


def test_a_file_under_the_root_is_read(root):
    assert read(root, root / "site.yaml") == b"content"
    (root / "sub" / "empty").touch()
    assert read(root, root / "sub" / "empty") == b""


def test_a_file_is_read_anew_each_time(root):
    read(root, root / "site.yaml")
    (root / "site.yaml").write_bytes(b"changed")
    assert read(root, root / "site.yaml") == b"changed"


def test_a_small_file_is_read_in_one_visit_and_a_larger_one_is_not(root):
    roots = Roots([root], max_bytes=1000)
    path = str(root / "site.yaml")
    assert roots.read_small("ref", path, 7) == b"content"
    assert roots.read_small("ref", path, 6) is None
    with pytest.raises(InvalidDesign, match=r"network\.allowed_roots"):
        roots.read_small("ref", str(root.parent / "secret"), 100)


def test_without_roots_nothing_is_read(root):
    with pytest.raises(InvalidDesign, match=r"network\.allowed_roots"):
        Roots([], max_bytes=10).read("ref", str(root / "site.yaml"))


def test_outside_the_roots_nothing_is_read(root):
    (root / "link").symlink_to(root.parent / "secret")
    (root / "folder").symlink_to(root.parent)
    (root.parent / "designs2").mkdir()
    (root.parent / "designs2" / "x").touch()
    for path in ("/etc/passwd", root / "../secret", root / "link", root / "folder/secret",
                 root.parent / "designs2/x", root, "/"):  # fmt: skip
        assert "network.allowed_roots" in refusal(root, path)


def test_links_that_stay_inside_are_followed(root):
    (root / "current").symlink_to("site.yaml")
    (root / "here").symlink_to(".")
    assert read(root, root / "current") == b"content"
    assert read(root, root / "here" / "site.yaml") == b"content"


def test_a_root_may_be_a_link_itself(root, tmp_path):
    (tmp_path / "alias").symlink_to(root)
    assert read(tmp_path / "alias", tmp_path / "alias" / "site.yaml") == b"content"


def test_only_regular_files_are_read(root):
    os.mkfifo(root / "pipe")
    assert "not a regular file" in refusal(root, root / "pipe")
    assert "not a regular file" in refusal(root, root / "sub")
    assert "network.allowed_roots" in refusal(root, "/dev/zero")


def test_a_missing_file_is_told(root):
    for path in (root / "gone.yaml", root / "site.yaml" / "x"):
        assert refusal(root, path).startswith("ref: cannot be read: ")


def test_a_file_over_the_limit_is_refused(root):
    assert "network.max_document_bytes" in refusal(root, root / "site.yaml", max_bytes=6)
    assert read(root, root / "site.yaml", max_bytes=7) == b"content"


def test_a_link_put_in_place_after_the_check_is_not_followed(root, monkeypatch):
    real = os.path.realpath

    def swapped(path):
        resolved = real(path)
        if str(path).endswith("site.yaml"):
            (root / "site.yaml").unlink()
            (root / "site.yaml").symlink_to(root.parent / "secret")
        return resolved

    monkeypatch.setattr(os.path, "realpath", swapped)
    assert "cannot be read" in refusal(root, root / "site.yaml")


def test_a_folder_swapped_for_a_link_is_not_followed(root):
    """Swap a folder and a link for a second; no read may ever see the secret."""
    (root / "sub" / "secret").write_bytes(b"harmless")
    (root / "evil").symlink_to(root.parent)
    stop = threading.Event()

    def swap():
        while not stop.is_set():
            os.rename(root / "sub", root / "kept")
            os.rename(root / "evil", root / "sub")
            os.rename(root / "sub", root / "evil")
            os.rename(root / "kept", root / "sub")

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        seen = set()
        for _ in range(2000):
            with suppress(InvalidDesign):
                seen.add(read(root, root / "sub" / "secret"))
        assert seen <= {b"harmless"}
    finally:
        stop.set()
        thread.join()


def test_no_handle_is_left_open(root):
    before = len(os.listdir("/proc/self/fd"))
    for path in ("site.yaml", "gone", "sub", "site.yaml/x", "sub/gone/x"):
        with suppress(InvalidDesign):
            read(root, root / path)
    assert len(os.listdir("/proc/self/fd")) == before
