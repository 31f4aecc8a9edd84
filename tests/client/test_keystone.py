"""Tokens and endpoints, from a small Keystone on a real port."""

import pytest
from keystoneauth1.exceptions import Unauthorized

from drydockd.client.keystone import get_endpoint, get_ks_session, get_token

CATALOGUE = [
    {
        "type": "physicalprovisioner",
        "name": "drydock",
        "id": "1",
        "endpoints": [
            {"interface": "internal", "url": "http://drydock:9000/api/v1.0", "region": "r",
             "region_id": "r", "id": "2"},
        ],
    }
]  # fmt: skip
WHO = {
    "username": "ops",
    "password": "pw",
    "project_name": "service",
    "project_domain_name": "default",
    "user_domain_name": "default",
}


@pytest.fixture
def keystone(server):
    def issue(asked):
        method = asked.json["auth"]["identity"]
        if method.get("password", {}).get("user", {}).get("password", "pw") != "pw":
            return 401, {"error": {"message": "no", "code": 401}}
        token = {"methods": ["password"], "expires_at": "2099-01-01T00:00:00.000000Z",
                 "user": {"id": "u", "name": "ops", "domain": {"id": "d", "name": "default"}},
                 "catalog": CATALOGUE}  # fmt: skip
        return 201, {"token": token}, {"X-Subject-Token": "fresh"}

    server.answers["POST /v3/auth/tokens"] = issue
    server.answers["GET /v3"] = (200, {"version": {"id": "v3.14", "status": "stable", "links": []}})
    return f"{server.url}/v3"


def test_name_and_password_give_a_token(keystone):
    assert get_token(auth_url=keystone, **WHO) == "fresh"


def test_a_session_may_be_shared_between_calls(keystone, server):
    session = get_ks_session(auth_url=keystone, **WHO)
    assert get_token(session) == "fresh"
    assert get_endpoint("physicalprovisioner", session) == "http://drydock:9000/api/v1.0"
    assert [a.method for a in server.asked].count("POST") == 1


def test_a_given_token_is_used_as_it_is_with_and_without_keystone(keystone):
    assert get_token(token="mine") == "mine"
    assert get_token(token="mine", auth_url=keystone) == "mine"
    assert get_endpoint(token="mine", auth_url=keystone) == "http://drydock:9000/api/v1.0"


def test_a_service_without_an_endpoint_is_a_lookup_error(keystone):
    with pytest.raises(LookupError, match="no admin endpoint for physicalprovisioner"):
        get_endpoint("physicalprovisioner", interface="admin", auth_url=keystone, **WHO)


def test_a_wrong_password_is_keystones_error(keystone):
    with pytest.raises(Unauthorized):
        get_token(auth_url=keystone, **WHO | {"password": "wrong"})


def test_nothing_to_go_by_is_said():
    with pytest.raises(ValueError, match="a token is needed, or user name"):
        get_token(username="ops")
