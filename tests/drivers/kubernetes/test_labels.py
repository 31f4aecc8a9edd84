"""Label syntax is checked before any call."""

import pytest

from drydockd.drivers.kubernetes.labels import is_reserved, label_faults


@pytest.mark.parametrize(
    "labels",
    [
        {},
        {"a": ""},
        {"rack": "cab23", "openstack-control-plane": "enabled"},
        {"node-role.kubernetes.io/master": "x" * 63},
        {"A.b_c-9": "1.2_3-x"},
    ],
)
def test_labels_kubernetes_takes_pass(labels):
    assert label_faults(labels) == []


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({"": "x"}, "label ''"),
        ({"-a": "x"}, "label '-a'"),
        ({"a" * 64: "x"}, "at most 63"),
        ({"a/b/c": "x"}, "DNS name"),
        ({"/b": "x"}, "DNS name"),
        ({"Upper.io/b": "x"}, "DNS name"),
        ({"a": "x" * 64}, "value"),
        ({"a": "with blank"}, "'with blank'"),
        ({"a": "x\n"}, "value"),
        ({"a": 5}, "value 5"),
    ],
)
def test_labels_it_would_refuse_are_named(labels, said):
    assert any(said in fault for fault in label_faults(labels))


def test_every_wrong_label_is_named_at_once():
    first, second = label_faults({"-a": "x", "fine": "x", "-b": "x"})
    assert "'-a'" in first
    assert "'-b'" in second


@pytest.mark.parametrize(
    ("key", "reserved"),
    [
        ("kubernetes.io/hostname", True),
        ("topology.kubernetes.io/zone", True),
        ("beta.kubernetes.io/arch", True),
        ("node-role.kubernetes.io/worker", False),
        ("rack", False),
    ],
)
def test_what_kubernetes_keeps_itself_is_known(key, reserved):
    assert is_reserved(key) is reserved
