from drydockd.handlers.parts import PART_BYTES, PART_RECORDS, Part


def test_a_part_is_enough_by_its_bytes_or_by_the_records_encoded_for_it():
    part = Part()
    assert not part.add(b"x" * (PART_BYTES - 1))
    assert part.add(b"y")
    assert part.take() == b"x" * (PART_BYTES - 1) + b"y"
    assert not part.add(b"z", PART_RECORDS - 1)
    assert part.add(b"", 1)
    assert (part.take(), part.take()) == (b"z", b"")
