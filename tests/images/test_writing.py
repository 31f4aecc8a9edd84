"""Adding to the catalogue and taking from it."""

import threading

import pytest

from drydockd.errors import Conflict, InvalidInput, NotFound
from drydockd.images import writing
from drydockd.images.catalogue import Agent, Image, ImageCatalogue
from drydockd.images.writing import add_alias, locked, publish, remove, sha256_of, sweep, verify


@pytest.fixture
def add(tmp_path):
    """Put content into the catalogue as an image: ``add("debian-12", b"...")``."""
    folder = tmp_path / "images"
    folder.mkdir()

    def add(name, content):
        file = tmp_path / "made"
        file.write_bytes(content)
        return publish(folder, (file,), lambda files: an_image(name, files[0]))

    add.folder = folder
    return add


def an_image(name, file):
    return Image(name=name, kind="squashfs", unpacked_bytes=1, sha256=file.sha256, bytes=file.bytes)


def blobs(folder):
    return sorted(path.name for path in (folder / "blobs").glob("*"))


def test_what_was_published_is_found_whole(add):
    image = add("debian-12", b"one")
    assert ImageCatalogue(add.folder).image("debian-12") == image
    assert sha256_of(ImageCatalogue(add.folder).blob(image.sha256)) == image.sha256
    assert verify(add.folder, image) == []


def test_an_agent_has_two_files(add, tmp_path):
    files = [tmp_path / "vmlinuz", tmp_path / "initrd"]
    for file in files:
        file.write_bytes(file.name.encode())
    made = publish(
        add.folder, files, lambda f: Agent(name="agent", kind="agent", kernel=f[0], initrd=f[1])
    )
    assert blobs(add.folder) == sorted([made.kernel.sha256, made.initrd.sha256])


def test_damage_is_told_and_so_is_what_is_gone(add):
    image = add("debian-12", b"one")
    path = add.folder / "blobs" / image.sha256
    path.write_bytes(b"two")
    assert "damaged" in verify(add.folder, image)[0]
    path.unlink()
    assert "is gone" in verify(add.folder, image)[0]


def test_a_replaced_image_stays_for_those_who_read_it_until_the_sweep(add):
    old, new = add("debian-12", b"one"), add("debian-12", b"two")
    assert blobs(add.folder) == sorted([old.sha256, new.sha256])
    assert sweep(add.folder) == [old.sha256]
    assert blobs(add.folder) == [new.sha256]


def test_removing_spares_content_that_another_entry_names(add):
    image = add("debian-12", b"one")
    add("same", b"one")
    assert remove(add.folder, "debian-12") == []
    assert remove(add.folder, "same") == [image.sha256]
    with pytest.raises(NotFound, match="no entry same"):
        remove(add.folder, "same")
    with pytest.raises(NotFound):
        remove(add.folder, "../same")


def test_an_image_that_an_alias_leads_to_is_not_removed(add):
    add("debian-12", b"one")
    add_alias(add.folder, "xenial", "debian-12")
    with pytest.raises(Conflict, match="drydock image rm xenial"):
        remove(add.folder, "debian-12")
    assert remove(add.folder, "xenial") == []
    assert remove(add.folder, "debian-12")


def test_an_alias_leads_to_images_only_and_takes_no_name_of_another(add):
    add("debian-12", b"one")
    add("debian-13", b"two")
    add_alias(add.folder, "stable", "debian-12")
    add_alias(add.folder, "stable", "debian-13")
    assert ImageCatalogue(add.folder).image("stable").name == "debian-13"
    with pytest.raises(Conflict, match="stable is an alias of debian-13"):
        add_alias(add.folder, "older", "stable")
    with pytest.raises(Conflict, match="debian-12 is an entry of its own"):
        add_alias(add.folder, "debian-12", "debian-13")
    with pytest.raises(NotFound):
        add_alias(add.folder, "x", "nowhere")
    with pytest.raises(InvalidInput, match="no name of an image"):
        add_alias(add.folder, "../x", "debian-12")


def test_a_bad_entry_can_be_removed_and_keeps_content_from_the_sweep(add):
    add("debian-12", b"one")
    (add.folder / "bad.yaml").write_text("a: [")
    assert remove(add.folder, "debian-12") == []
    assert len(blobs(add.folder)) == 1
    assert remove(add.folder, "bad") == []
    assert len(sweep(add.folder)) == 1


def test_a_disk_that_fills_up_leaves_neither_entry_nor_content(add, monkeypatch):
    add("before", b"zero")
    there = blobs(add.folder)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing.yaml, "safe_dump", full)
    with pytest.raises(OSError, match="No space left"):
        add("debian-12", b"one")
    assert blobs(add.folder) == there
    assert not list(add.folder.glob("*debian*"))


def test_nobody_sweeps_between_content_and_entry(add):
    swept = threading.Event()

    def sweeping():
        sweep(add.folder)
        swept.set()

    with locked(add.folder):
        (add.folder / "blobs").mkdir()
        (add.folder / "blobs" / ("a" * 64)).write_bytes(b"not yet named")
        thread = threading.Thread(target=sweeping)
        thread.start()
        assert not swept.wait(0.2)
        assert blobs(add.folder) == ["a" * 64]
    thread.join(10)
    assert blobs(add.folder) == []


def test_a_catalogue_that_is_not_there_has_nothing_to_sweep(tmp_path):
    assert sweep(tmp_path / "nowhere") == []
