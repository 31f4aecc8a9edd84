"""Agent and images, with everything that can be missing."""

from drydockd.drivers.node.netboot.supplies import notes
from drydockd.images.catalogue import ImageCatalogue
from tests.drivers.node.netboot.test_provisioner import SHA
from tests.drivers.node.netboot.test_provisioner import catalogue as catalogue


def told(catalogue):
    return [(note.text, note.error) for note in notes(ImageCatalogue(catalogue), "agent")]


def test_what_is_there_is_named(catalogue):
    assert told(catalogue) == [
        ("the agent agent is there, built some time", False),
        ("the catalogue has debian-12", False),
    ]


def test_each_thing_that_is_missing_is_an_error_of_its_own(catalogue):
    (catalogue / "blobs" / SHA["image"]).unlink()
    agent, images = told(catalogue)
    assert (agent[1], images[1]) == (False, True)
    (catalogue / "debian-12.yaml").unlink()
    (catalogue / "agent.yaml").unlink()
    agent, images = told(catalogue)
    assert agent[1]
    assert images == ("the catalogue has no images", True)
