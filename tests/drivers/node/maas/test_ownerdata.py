"""Owner data as workload annotations; what is refused stands in the deployment's tests."""

import pytest

from drydockd.drivers.node.maas.ownerdata import as_annotations
from drydockd.errors import DriverUnsupported


def test_plain_keys_are_kept_as_they_are():
    found = as_annotations({"rack_1": "r", "a.b-c": "x"})
    assert (found.values, found.notes) == ({"rack_1": "r", "a.b-c": "x"}, ())


def test_a_slash_becomes_a_dot_and_it_is_said():
    found = as_annotations({"kubernetes.io/role": "x"})
    assert found.values == {"kubernetes.io.role": "x"}
    assert "kubernetes.io/role is kept as kubernetes.io.role" in found.notes[0]


def test_an_empty_value_would_remove_and_is_left_out():
    found = as_annotations({"a": ""})
    assert found.values == {}
    assert "a is empty" in found.notes[0]


@pytest.mark.parametrize("key", ["a b", "ä", "", "op", "a:b"])
def test_what_maas_answers_with_500_is_refused(key):
    with pytest.raises(DriverUnsupported, match="owner_data: key"):
        as_annotations({key: "x"})
