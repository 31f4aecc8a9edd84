"""An image's content is held against its entry, once for each state of its file."""

import os

import pytest

from drydockd.errors import InvalidConfig, NotFound
from drydockd.images import proofs
from drydockd.images.catalogue import ImageCatalogue
from drydockd.images.proofs import Proofs
from tests.drivers.node.netboot.test_provisioner import SHA
from tests.drivers.node.netboot.test_provisioner import catalogue as catalogue


@pytest.fixture
def image(catalogue):
    return ImageCatalogue(catalogue).image("debian-12")


@pytest.fixture
def blob(catalogue):
    return catalogue / "blobs" / SHA["image"]


@pytest.fixture
def hashed(monkeypatch):
    """The files that were read."""
    read, sha256 = [], proofs._sha256

    def noted(path, is_given_up):
        read.append(path)
        return sha256(path, is_given_up)

    monkeypatch.setattr(proofs, "_sha256", noted)
    return read


def test_a_file_is_read_once_and_again_when_it_was_touched(catalogue, image, blob, hashed):
    mine = Proofs(ImageCatalogue(catalogue))
    mine.check(image)
    mine.check(image)
    assert hashed == [blob]
    os.utime(blob, ns=(1, 1))
    mine.check(image)
    assert hashed == [blob, blob]


def test_a_bit_that_changed_is_seen_though_size_and_time_did_not(catalogue, image, blob):
    mine = Proofs(ImageCatalogue(catalogue))
    mine.check(image)
    was, content = blob.stat(), bytearray(blob.read_bytes())
    content[100] ^= 1
    blob.write_bytes(content)
    os.utime(blob, ns=(was.st_atime_ns, was.st_mtime_ns))
    with pytest.raises(InvalidConfig, match=r"debian-12: its content is damaged.*anew"):
        mine.check(image)


def test_what_is_damaged_is_not_taken_for_good_at_the_next_look(catalogue, image, blob):
    content = blob.read_bytes()
    blob.write_bytes(content[:-1])
    mine = Proofs(ImageCatalogue(catalogue))
    for _ in range(2):
        with pytest.raises(InvalidConfig, match="is damaged"):
            mine.check(image)
    blob.write_bytes(content)
    mine.check(image)


def test_who_gives_up_does_not_wait_for_the_end_and_proves_nothing(
    catalogue, image, blob, monkeypatch
):
    monkeypatch.setattr(proofs, "CHUNK_BYTES", 100)
    asked, mine = [], Proofs(ImageCatalogue(catalogue))
    with pytest.raises(InvalidConfig, match="is damaged"):
        mine.check(image, lambda: asked.append(1) or len(asked) == 2)
    assert len(asked) == 2 < blob.stat().st_size / 100
    mine.check(image)


def test_what_is_gone_or_unreadable_is_told(catalogue, image, blob, monkeypatch):
    mine = Proofs(ImageCatalogue(catalogue))

    def fail(path, is_given_up):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(proofs, "_sha256", fail)
    with pytest.raises(InvalidConfig, match=r"debian-12: .*Input/output error"):
        mine.check(image)
    blob.unlink()
    with pytest.raises(NotFound, match="has no content"):
        mine.check(image)
