"""drydockd's own account: settings that cannot work are refused, a real Keystone does the rest."""

import asyncio
import os
import signal
import socket
import threading

import pytest

from drydockd.auth.identity import Account, ServiceIdentity, v3_url
from drydockd.errors import InvalidConfig, Unavailable
from tests.auth.helpers import account, tls_in_front_of
from tests.peers.keystone import free_port
from tests.peers.promenade import TYPE, registered

GOOD = {
    "auth_url": "http://127.0.0.1:5000",
    "username": "drydock",
    "password": "p",
    "user_domain_name": "Default",
    "project_name": "service",
    "project_domain_name": "Default",
}


@pytest.fixture
async def make_identity():
    made = []

    def make(server, **options):
        made.append(ServiceIdentity(account(server, **options.pop("account", {})), **options))
        return made[-1]

    yield make
    for identity in made:
        await identity.close()


@pytest.mark.parametrize(
    "url", ["http://k:5000", "http://k:5000/", "http://k:5000/v3", "http://k:5000/v3/"]
)
def test_the_url_may_name_the_version_or_not(url):
    assert v3_url(url) == "http://k:5000/v3"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"auth_url": ""}, "auth_url"),
        ({"auth_url": "keystone:5000"}, "not an http URL"),
        ({"username": None}, "username or user_id"),
        ({"password": ""}, "password is missing"),
        ({"user_domain_name": None}, "user_domain_name"),
        ({"project_domain_name": None}, "project_domain_name"),
        ({"project_name": None}, "needs one scope"),
        ({"system_scope": "all"}, "needs one scope"),
        ({"keyfile": "x"}, "keyfile without certfile"),
    ],
)
def test_an_account_that_cannot_work_refuses_the_start(change, complaint):
    with pytest.raises(InvalidConfig, match=complaint):
        ServiceIdentity(Account(**(GOOD | change)))


def test_the_password_is_not_shown():
    assert "hunter2" not in repr(Account(**(GOOD | {"password": "hunter2"})))


async def test_one_token_serves_until_it_is_forgotten(keystone, make_identity):
    identity = make_identity(keystone)
    logins = keystone.calls("POST /v3/auth/tokens")
    first = await identity.token()
    assert await identity.token() == first
    assert keystone.calls("POST /v3/auth/tokens") == logins + 1
    identity.forget()
    identity.forget()
    assert await identity.token() != first


async def test_callers_at_the_same_time_share_one_login(keystone, make_identity):
    identity = make_identity(keystone)
    logins = keystone.calls("POST /v3/auth/tokens")
    tokens = await asyncio.gather(*(identity.token() for _ in range(8)))
    assert len(set(tokens)) == 1
    assert keystone.calls("POST /v3/auth/tokens") == logins + 1


@pytest.mark.parametrize("scope", ["id", "name"])
async def test_the_project_may_be_given_by_id_or_by_name(keystone, make_identity, scope):
    changes = {}
    if scope == "id":
        projects = keystone.request("GET", "/projects?name=service").json()["projects"]
        changes = {"project_id": projects[0]["id"], "project_name": None}
    assert await make_identity(keystone, account=changes).token()


async def test_a_wrong_password_is_our_operators_problem_not_the_callers(
    keystone, make_identity, caplog
):
    identity = make_identity(keystone, account={"password": "wrong-4711"})
    with pytest.raises(Unavailable, match="tell its operator"):
        await identity.token()
    assert "HTTP 401" in caplog.text
    assert "wrong-4711" not in caplog.text
    logins = keystone.calls("POST /v3/auth/tokens")
    with pytest.raises(Unavailable):
        await identity.token()
    assert keystone.calls("POST /v3/auth/tokens") == logins, "paused, or the account gets locked"


async def test_a_keystone_that_is_not_there_is_unavailable_and_left_alone_for_a_while():
    nowhere = Account(**(GOOD | {"auth_url": f"http://127.0.0.1:{free_port()}", "retries": 0}))
    identity = ServiceIdentity(nowhere, pause_seconds=60)
    with pytest.raises(Unavailable, match="does not answer"):
        await identity.token()
    requests = identity.requests
    with pytest.raises(Unavailable):
        await identity.token()
    assert identity.requests == requests
    await identity.close()
    await identity.close()


async def test_a_keystone_that_never_answers_is_unavailable_within_its_time_out():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        settings = GOOD | {"auth_url": url, "retries": 0, "timeout_seconds": 0.1}
        identity = ServiceIdentity(Account(**settings))
        async with asyncio.timeout(20):
            with pytest.raises(Unavailable, match="does not answer"):
                await identity.token()
        await identity.close()


async def test_tls_is_checked_against_the_ca_file_unless_told_otherwise(
    keystone, make_identity, tmp_path, caplog
):
    with tls_in_front_of(keystone, tmp_path) as (port, cafile):
        url = f"https://127.0.0.1:{port}/v3"
        stranger = make_identity(keystone, account={"auth_url": url})
        with pytest.raises(Unavailable):
            await stranger.token()
        assert "certificate verify failed" in caplog.text.lower()
        trusted = make_identity(keystone, account={"auth_url": url, "cafile": cafile})
        assert await trusted.token()
        caplog.clear()
        insecure = make_identity(keystone, account={"auth_url": url, "insecure": True})
        assert await insecure.token()
        assert "insecure" in caplog.text


async def test_who_waits_too_long_is_told_and_the_loop_goes_on():
    release = threading.Event()
    identity = ServiceIdentity(Account(**GOOD), workers=1, deadline_seconds=0.05, max_waiting=2)
    futures = [identity.submit(release.wait) for _ in range(2)]
    with pytest.raises(Unavailable, match="too long"):
        await identity.wait(futures[0])
    with pytest.raises(Unavailable, match="too many"):
        identity.submit(release.wait)
    release.set()
    # Behind both in the one thread's line: the second came to its turn before the loop could
    # hear of the first one's answer, which ends the pause.
    identity._pool.submit(lambda: None).result(10)
    assert await futures[0]
    with pytest.raises(Unavailable):  # was still in the line: nobody waits for it any more
        await futures[1]
    assert await identity.wait(identity.submit(lambda: 7)) == 7
    await identity.close()


async def test_the_reserve_is_there_while_everyone_else_waits():
    release = threading.Event()
    identity = ServiceIdentity(Account(**GOOD), workers=1, max_waiting=2)
    waiting = [identity.submit(release.wait) for _ in range(2)]
    with pytest.raises(Unavailable, match="too many"):
        identity.submit(lambda: 7)
    known = [identity.submit(lambda: 7, is_reserved=True) for _ in range(20)]
    assert await asyncio.gather(*map(identity.wait, known)) == [7] * 20
    assert not any(future.done() for future in waiting)
    release.set()
    await asyncio.gather(*waiting)
    await identity.close()


async def test_whoever_waits_is_let_go_by_the_first_failure():
    """Time-outs are for the first: those beside it end as it does."""
    release = threading.Event()
    identity = ServiceIdentity(Account(**GOOD), workers=2, pause_seconds=60)

    def fails():
        raise ValueError("no JSON")

    hanging = identity.submit(release.wait)
    waiting = asyncio.create_task(identity.wait(hanging))
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="does not answer"):
        await identity.wait(identity.submit(fails))
    with pytest.raises(Unavailable, match="does not answer"):
        await waiting
    with pytest.raises(Unavailable, match="does not answer"):
        await identity.ready()
    assert not hanging.done()
    release.set()
    await hanging
    await identity.close()


async def test_one_probe_finds_out_that_keystone_is_back(make_keystone, make_identity):
    server = make_keystone()
    identity = make_identity(server, pause_seconds=0)
    server.stop()
    with pytest.raises(Unavailable, match="does not answer"):
        await identity.token()
    for _ in range(3):
        with pytest.raises(Unavailable):
            await identity.ready()
    assert "does not answer" in await identity.check(20)
    server.start()
    async with asyncio.timeout(60):  # its first answers may take longer than a probe waits
        while await identity.check(20) is not None:
            pass
    asked = server.calls()
    await identity.ready()
    assert server.calls() == asked
    assert await identity.token()


async def test_a_keystone_that_hangs_holds_nobody_up_after_the_first(make_keystone, make_identity):
    """It takes connections and says nothing, as one does whose database is gone."""
    server = make_keystone()
    identity = make_identity(server, pause_seconds=0, account={"timeout_seconds": 0.2})
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        with pytest.raises(Unavailable):
            await identity.token()
        hanging = [asyncio.create_task(identity.ready()) for _ in range(50)]
        for call in asyncio.as_completed(hanging):
            with pytest.raises(Unavailable):
                await call
    finally:
        os.kill(server.process.pid, signal.SIGCONT)


async def test_a_service_is_found_in_the_catalogue_with_its_whole_url(keystone, make_identity):
    url = "https://p.example:8443/kube/api/v1.0"
    with registered(keystone, url):
        identity = make_identity(keystone)
        assert await identity.endpoint(TYPE, interface="internal") == url
        assert await identity.endpoint(TYPE, interface="public") is None
        assert await identity.endpoint(TYPE, interface="internal", region="north") is None
        assert await identity.endpoint("nothing", interface="internal") is None


async def test_a_catalogue_nobody_answers_for_is_unavailable(make_identity, keystone):
    nowhere = f"http://127.0.0.1:{free_port()}"
    identity = make_identity(keystone, account={"auth_url": nowhere, "retries": 0})
    with pytest.raises(Unavailable):
        await identity.endpoint(TYPE, interface="internal")
