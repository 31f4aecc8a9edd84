"""Ways into Ironic: none, basic, and a real Keystone's tokens and catalogue."""

import base64
import re

import pytest

from drydockd.drivers.node.ironic.access import access_of
from drydockd.errors import DriverPersistent, DriverTransient
from tests.drivers.node.ironic.sites import options
from tests.peers.keystone import PROJECT, USERS, free_port

USER = "drydock"
PASSWORD = USERS[USER][0]


def keystone_options(url, **more):
    account = {"auth": "keystone", "auth_url": url, "username": USER, "password": PASSWORD}
    return options(None, **{"project_name": "service", **account, **more})


async def test_without_a_login_nothing_is_said():
    access = access_of(options("http://ironic:6385/"))
    assert await access.url() == "http://ironic:6385"
    assert await access.headers() == {}
    assert await access.owner() is None


async def test_basic_authentication_is_in_every_request():
    given = options(auth="http_basic", username="adm", password="p:ss")
    headers = await access_of(given).headers()
    assert base64.b64decode(headers["Authorization"].removeprefix("Basic ")) == b"adm:p:ss"


@pytest.mark.slow
async def test_keystone_gives_a_token_a_project_and_where_ironic_is(keystone):
    service = {"service": {"type": "baremetal", "name": "ironic"}}
    made = keystone.request("POST", "/services", json=service).json()["service"]["id"]
    endpoint = {"service_id": made, "interface": "internal", "url": "http://10.9.9.9:6385/v1/"}
    keystone.request("POST", "/endpoints", json={"endpoint": endpoint})
    access = access_of(keystone_options(keystone.url))
    try:
        assert await access.url() == "http://10.9.9.9:6385"
        first = (await access.headers())["X-Auth-Token"]
        assert (await access.headers())["X-Auth-Token"] == first
        assert re.fullmatch("[0-9a-f]{32}", await access.owner())
        access.forget()
        assert (await access.headers())["X-Auth-Token"] != first
    finally:
        access.close()
        keystone.request("DELETE", f"/services/{made}")


@pytest.mark.slow
async def test_what_keystone_has_not_is_named_without_the_password(keystone):
    access = access_of(keystone_options(keystone.url))
    with pytest.raises(DriverPersistent, match="baremetal endpoint"):
        await access.url()
    access.close()
    wrong = access_of(keystone_options(keystone.url, password="never-this-one"))
    with pytest.raises(DriverPersistent, match=f"gives {USER} no token") as caught:
        await wrong.headers()
    assert "never-this-one" not in str(caught.value)
    wrong.close()
    other = access_of(keystone_options(keystone.url, project_name=PROJECT + "-none"))
    with pytest.raises(DriverPersistent, match="no token"):
        await other.headers()
    other.close()


async def test_a_keystone_that_is_away_may_come_back():
    access = access_of(keystone_options(f"http://127.0.0.1:{free_port()}/v3"))
    with pytest.raises(DriverTransient, match="does not answer"):
        await access.headers()
    access.close()
