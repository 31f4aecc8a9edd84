"""Options that cannot work are refused at the start, by name."""

import pytest

from drydockd.drivers import load
from drydockd.drivers.base import Discovery
from drydockd.drivers.node.ironic import DRIVER
from drydockd.errors import InvalidConfig

URL = {"url": "http://ironic:6385"}


def test_the_least_that_must_be_said_is_where_ironic_is():
    driver = load("node", "ironic", URL)
    assert driver.discovers is Discovery.NETBOOT
    assert load("node", "ironic", {**URL, "enroll": True}).discovers is Discovery.ENROL


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, "url is missing"),
        ({"url": "http://joe:pw@ironic:6385"}, r"ironic_driver\.url"),
        ({**URL, "auth": "http_basic", "username": "a"}, "auth: http_basic needs password"),
        (
            {"auth": "keystone", "username": "a", "password": "b"},
            "auth: keystone needs auth_url, project_name",
        ),
        ({**URL, "images": {"a": {"checksum": "0"}}}, r"ironic_driver\.images\.a\.url"),
        ({**URL, "images": {"a": {"url": "x.img"}}}, r"ironic_driver\.images\.a\.url"),
        ({**URL, "images": {"a": {"url": "http://x/y", "kernel": "k"}}}, "no such option"),
        ({**URL, "ca_file": "/nowhere/ca.pem"}, "ca_file /nowhere/ca.pem"),
        ({**URL, "poll_seconds": 0}, r"ironic_driver\.poll_seconds"),
    ],
)
def test_what_is_wrong_is_named(given, text):
    with pytest.raises(InvalidConfig, match=text):
        load("node", "ironic", given)


def test_a_token_for_the_system_needs_no_project():
    given = {"auth": "keystone", "username": "a", "password": "b", "auth_url": "http://k/v3"}
    options = DRIVER.options(**given, system_scope=True)
    assert "b" not in repr(options.password)
