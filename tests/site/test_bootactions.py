"""Boot actions name their documents."""

from drydockd.site import BootActionSpec, DocumentRef


def test_a_boot_action_names_its_document():
    assert BootActionSpec("n").ref == DocumentRef("drydock/BootAction/v1", "n")
