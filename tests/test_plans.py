from drydockd.plans import BootDelivery


def test_a_boot_key_is_no_part_of_its_text():
    delivery = BootDelivery(key="ab" * 32, base_url="http://127.0.0.1", hostname="n1")
    assert "ab" * 32 not in repr(delivery)
    assert "n1" in repr(delivery)
