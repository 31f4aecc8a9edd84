import pytest

from drydockd.auth.identity import Account, ServiceIdentity
from drydockd.auth.passwords import Password, Passwords, _token
from drydockd.errors import Unavailable
from tests.peers.keystone import PROJECT, USERS


@pytest.fixture
async def passwords(keystone):
    account = Account(
        keystone.url, "drydock", USERS["drydock"][0], user_domain_name="Default",
        project_name="service", project_domain_name="Default",
    )  # fmt: skip
    identity = ServiceIdentity(account)
    yield Passwords(identity)
    await identity.close()


@pytest.mark.peer("keystone")
async def test_a_password_becomes_a_token_of_its_project(passwords, keystone):
    token = await passwords.token(Password("ann-admin", USERS["ann-admin"][0], "Default", PROJECT))
    shown = keystone.request("GET", "/auth/tokens", headers={"X-Subject-Token": token})
    assert shown.json()["token"]["user"]["name"] == "ann-admin"
    assert shown.json()["token"]["project"]["name"] == PROJECT


@pytest.mark.peer("keystone")
@pytest.mark.parametrize(
    "wrong",
    [
        {"password": "wrong"}, {"user": "nobody"}, {"domain": "elsewhere"}, {"project": "none"},
    ],
)  # fmt: skip
async def test_what_is_wrong_is_not_told_apart(passwords, wrong):
    right = {"user": "ann-admin", "password": USERS["ann-admin"][0], "project": PROJECT}
    assert await passwords.token(Password(**right | wrong)) is None


async def test_a_keystone_that_is_away_is_no_wrong_password():
    account = Account(
        "http://127.0.0.1:9/v3", "drydock", "x", user_domain_name="Default", project_name="p",
        project_domain_name="Default", retries=0,
    )  # fmt: skip
    identity = ServiceIdentity(account)
    with pytest.raises(Unavailable):
        await Passwords(identity).token(Password("ann", "secret"))
    await identity.close()


def test_an_answer_without_a_token_is_no_login():
    assert _token(401, {}) is None
    assert _token(201, {"X-Subject-Token": "abc"}) == "abc"
    for status, headers in ((201, {}), (500, {}), (302, {}), (201, {"X-Subject-Token": "a\nb"})):
        with pytest.raises(Unavailable):
            _token(status, headers)


def test_a_password_is_in_no_text():
    assert "secret" not in repr(Password("ann", "secret"))
