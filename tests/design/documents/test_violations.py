"""Violations are told by path, expectation and value, secrets by type only."""

import datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from drydockd.design.documents import baremetal_node, boot_action, network
from drydockd.design.documents.violations import closest, hint, meant, path_text, shown, violations


def told(body_type, body) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(body_type).validate_python(body)
    return [f"{path_text(path)}: {text}" for path, text, _ in violations(caught.value)]


def test_all_violations_of_a_body_are_told():
    body = {"cidr": 5, "mtu": "big", "ranges": [{"type": "x", "start": "10.0.0.1"}], "vlan": 100}
    assert told(network.Body, body) == [
        "cidr: a string is required, not 5",
        "vlan: a string is required, not 100",
        "mtu: a number is required, not 'big'",
        "ranges[0].type: static, dhcp or reserved is required, not 'x'",
        "ranges[0].end: is required",
    ]


def test_the_unknown_keys_of_one_mapping_are_one_violation_without_values():
    assert told(network.Body, {"cidr": "x", "a": "secret", "b": 1, "dns": {"c": 1}}) == [
        "dns: unknown key c",
        ": unknown keys a, b",
    ]


def test_a_body_of_another_type_is_told():
    assert told(network.Body, None) == [": a mapping is required, not null"]
    assert told(network.Body, ["x"]) == [": a mapping is required, not a list"]


def test_keys_that_are_no_strings_are_told():
    body = {"addressing": [], "platform": {"kernel_params": {5: "x"}}, 7: 1}
    assert told(baremetal_node.Body, body) == [
        "platform.kernel_params: the key 5 must be a string; quote it",
        "[7]: a key must be a string; quote it, not 7",
    ]


@pytest.mark.parametrize(
    "oob", [{"credential": ["pass"]}, {"credential": None, "x": ["pass"]}, "pass", ["pass"]]
)
def test_bmc_parameters_are_never_shown(oob):
    text = told(baremetal_node.Body, {"addressing": [], "oob": oob})
    assert text
    assert "pass" not in str(text)


def test_the_data_of_an_asset_is_never_shown():
    body = {"assets": [{"type": "file", "path": "/a", "data": 123456789}]}
    assert "123456789" not in str(told(boot_action.Body, body))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        ({"a": 1}, "a mapping"),
        ([1], "a list"),
        (True, "true"),
        (5, "5"),
        ("x" * 100, "'" + "x" * 56 + "..."),
        (b"x", "a bytes"),
        (datetime.date(2001, 1, 1), "2001-01-01"),
    ],
)
def test_values_are_shown_short(value, text):
    assert shown(value) == text


def test_a_password_in_a_location_is_not_shown():
    asset = {"type": "file", "path": "/a", "location": "ftp://user:hunter2@h/x"}
    text = str(told(boot_action.Body, {"assets": [asset]}))
    assert "ftp://***@h/x" in text
    assert "hunter2" not in text


def test_secrets_are_shown_by_type():
    assert shown("x", secret=True) == "a string"
    assert shown(5, secret=True) == "a number"


@pytest.mark.parametrize("value", [3.0, 5, True, datetime.date(2001, 1, 1)])
def test_what_yaml_may_have_misread_gets_a_hint_to_quote(value):
    assert "quote" in hint(value)
    assert not hint("text")


def test_a_close_word_is_suggested():
    assert closest("Networks", ("Network", "Rack")) == "; did you mean Network?"
    assert closest("zzz", ("Network",)) == ""
    assert meant("Networks", ("Network", "Rack")) == " (did you mean Network?)"
    assert meant("zzz", ("Network",)) == ""
