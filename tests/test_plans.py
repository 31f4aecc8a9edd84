from drydockd.drivers.node.netboot import provisioner
from drydockd.plans import FEATURES, BootDelivery
from drydockd.room import fitness


def test_a_boot_key_is_no_part_of_its_text():
    delivery = BootDelivery(key="ab" * 32, base_url="http://127.0.0.1", hostname="n1")
    assert "ab" * 32 not in repr(delivery)
    assert "n1" in repr(delivery)


def test_what_backends_offer_are_features_that_there_are():
    netboot, room = provisioner.CAPABILITIES, fitness.CAPABILITIES
    assert netboot < FEATURES
    assert room < FEATURES
    assert "repo.rpm" not in netboot | room
