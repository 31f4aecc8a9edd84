"""Each field type takes what its table says and names what it expects of anything else."""

import pytest
from pydantic import TypeAdapter, ValidationError

from drydockd.design.documents import fields
from drydockd.design.documents.fields import CLOSED, OPEN

GOOD = [
    ("Number", 5, 5),
    ("Number", 5.9, 5),
    ("Number", -1, -1),
    ("Count", 0, 0),
    ("Count", 2.0, 2),
    ("Delay", 0.5, 0),
    ("VfCount", 4, 4),
    ("VfCount", -1, -1),
    ("ScalarText", "x", "x"),
    ("ScalarText", 5, "5"),
    ("ScalarText", True, "True"),
    ("Label", None, None),
    ("Label", 1.5, "1.5"),
    ("RackLabel", True, "true"),
    ("RackLabel", 7, "7"),
    ("PlainValue", 7, 7),
    ("KernelParam", True, True),
    ("KernelParam", None, None),
    ("KernelParam", 8, "8"),
    ("Ip", "10.0.0.1", "10.0.0.1"),
    ("Ip", "fd00::1", "fd00::1"),
    ("Address", "dhcp", "dhcp"),
    ("Address", "DHCP", "DHCP"),
    ("Vlan", "0", "0"),
    ("Vlan", "4094", "4094"),
    ("Uuid", "f47ac10b-58cc-4372-a567-0e02b2c3d479", "f47ac10b-58cc-4372-a567-0e02b2c3d479"),
    ("Uuid", "!", "!"),
    ("Uri", "polo+https://x/y", "polo+https://x/y"),
    (
        "Location",
        "promenade+http://h/{{ node.hostname }}",
        "promenade+http://h/{{ node.hostname }}",
    ),
    ("Location", "{{ node.labels.x }}://h/", "{{ node.labels.x }}://h/"),
    ("Permissions", "555", "555"),
    ("Permissions", "7777", "7777"),
    ("AbsolutePath", "/a", "/a"),
    ("BondMode", "balanced-rr", "balance-rr"),
    ("BondMode", "802.3ad", "802.3ad"),
    ("PackageData", {"a": None, "b": "1"}, {"a": None, "b": "1"}),
    ("PackageData", "text", "text"),
]
BAD = [
    ("Number", True),
    ("Number", "5"),
    ("Number", None),
    ("Number", float("nan")),
    ("Number", float("inf")),
    ("Count", -1),
    ("Count", 1.5),
    ("Delay", -0.5),
    ("VfCount", -2),
    ("ScalarText", None),
    ("ScalarText", []),
    ("Label", {}),
    ("RackLabel", None),
    ("PlainValue", None),
    ("KernelParam", []),
    ("Ip", "10.0.0.256"),
    ("Ip", "10.0.0.0/8"),
    ("Address", ""),
    ("Address", None),
    ("Vlan", "4095"),
    ("Vlan", "x"),
    ("Vlan", 100),
    ("Vlan", "١"),
    ("Vlan", "1" * 5000),
    ("Uuid", "not-one"),
    ("Uri", "no scheme"),
    ("Location", "ftp://h/x"),
    ("Location", "/a/b"),
    ("Permissions", "x644"),
    ("Permissions", "888"),
    ("Permissions", "55"),
    ("Permissions", "77777"),
    ("Permissions", "555\n"),
    ("Permissions", 555),
    ("AbsolutePath", "a/b"),
    ("AbsolutePath", "/"),
    ("BondMode", "balance-alb"),
    ("PackageData", {"a": 5}),
    ("PackageData", {5: "a"}),
    ("PackageData", []),
]


def adapter(name: str) -> TypeAdapter:
    return TypeAdapter(getattr(fields, name), config={"strict": True})


@pytest.mark.parametrize(("name", "value", "result"), GOOD)
def test_a_good_value_is_taken(name, value, result):
    taken = adapter(name).validate_python(value)
    assert taken == result
    assert type(taken) is type(result)


@pytest.mark.parametrize(("name", "value"), BAD)
def test_another_value_is_one_error_that_says_what_is_required(name, value):
    with pytest.raises(ValidationError) as caught:
        adapter(name).validate_python(value)
    (error,) = caught.value.errors()
    assert error["type"] in ("expected", "string_type")


def test_bodies_are_strict_and_closed_or_open():
    assert CLOSED["strict"]
    assert OPEN["strict"]
    assert (CLOSED["extra"], OPEN["extra"]) == ("forbid", "ignore")
