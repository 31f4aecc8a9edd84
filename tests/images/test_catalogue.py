"""Reading the image catalogue."""

import pytest
import yaml

from drydockd.errors import InvalidConfig, NotFound
from drydockd.images import catalogue as catalogue_module
from drydockd.images.catalogue import ImageCatalogue

IMAGE = {
    "name": "debian-12",
    "kind": "squashfs",
    "sha256": "a" * 64,
    "bytes": 10,
    "unpacked_bytes": 20,
    "kernels": ["6.1.0-1-amd64"],
}
AGENT = {
    "name": "agent",
    "kind": "agent",
    "kernel": {"sha256": "b" * 64, "bytes": 1},
    "initrd": {"sha256": "c" * 64, "bytes": 1},
}


@pytest.fixture
def write(tmp_path):
    def write(**entry):
        (tmp_path / f"{entry['name']}.yaml").write_text(yaml.safe_dump(entry))
        return ImageCatalogue(tmp_path)

    return write


def test_images_and_the_agent_are_found_by_name(write):
    write(**AGENT)
    catalogue = write(**IMAGE)
    assert catalogue.image("debian-12").kernels == ("6.1.0-1-amd64",)
    assert catalogue.agent("agent").kernel.sha256 == "b" * 64
    assert list(catalogue.images()) == ["debian-12"]


def test_an_alias_is_the_image_it_names_and_leads_nowhere_in_no_silence(write):
    write(name="xenial", kind="alias", image="debian-12")
    with pytest.raises(InvalidConfig, match="xenial is an alias of debian-12"):
        write(**AGENT).images()
    assert write(**IMAGE).image("xenial").name == "debian-12"


def test_what_is_missing_says_what_there_is_or_how_to_make_it(write):
    catalogue = write(**IMAGE)
    with pytest.raises(NotFound, match="no image trusty; it has debian-12"):
        catalogue.image("trusty")
    with pytest.raises(NotFound, match="drydock image build agent"):
        catalogue.agent("agent")
    with pytest.raises(NotFound, match="no content"):
        catalogue.blob("../../etc/passwd")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sha256": "x"}, "sha256"),
        ({"kind": "docker"}, "kind 'docker' is none of"),
        ({"bites": 1}, "bites"),
        ({"name": "other"}, "not that of its file"),
    ],
)
def test_a_bad_entry_is_named_with_its_field(tmp_path, changes, words):
    (tmp_path / "debian-12.yaml").write_text(yaml.safe_dump(IMAGE | changes))
    with pytest.raises(InvalidConfig, match=words):
        ImageCatalogue(tmp_path).entries()


def test_an_entry_that_is_no_yaml_names_its_file(tmp_path):
    (tmp_path / "x.yaml").write_text("a: [")
    with pytest.raises(InvalidConfig, match=r"x\.yaml"):
        ImageCatalogue(tmp_path).entries()


def test_an_empty_folder_has_no_images(tmp_path):
    assert ImageCatalogue(tmp_path / "not there").images() == {}


def test_an_entry_is_read_again_only_when_its_file_is_another(write, monkeypatch):
    catalogue, reads = write(**IMAGE), []
    read = catalogue_module.read_entry
    monkeypatch.setattr(
        catalogue_module, "read_entry", lambda path: reads.append(path) or read(path)
    )
    assert catalogue.image("debian-12").bytes == 10
    assert catalogue.image("debian-12").bytes == 10
    assert len(reads) == 1
    write(**IMAGE | {"bytes": 11111})
    assert catalogue.image("debian-12").bytes == 11111
    (catalogue.folder / "debian-12.yaml").unlink()
    assert catalogue.images() == {}
