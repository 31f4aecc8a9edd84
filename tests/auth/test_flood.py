"""Wrong tokens by the hundred against a daemon with a real Keystone: the operators go on."""

import asyncio

import pytest

from tests.handlers.helpers import V1, daemon
from tests.peers.keystone import USERS

FLOODER = "10.0.0.66"
OPERATORS = 12
FLOOD = 400


def settings_for(keystone, **more):
    return {
        "auth": {"strategy": ("keystone",), "throttle_failures": 100_000} | more,
        "api": {"listen": "127.0.0.1:0", "trusted_proxies": ("127.0.0.1",)},
        "keystone_authtoken": {
            "auth_url": keystone.url,
            "username": "drydock",
            "password": USERS["drydock"][0],
            "user_domain_name": "Default",
            "project_name": "service",
            "project_domain_name": "Default",
            "token_cache_time": -1,  # each request is asked about: as hard as it gets
        },
    }


def tasks(drydock, token, remote):
    headers = {"X-Auth-Token": token, "X-Forwarded-For": remote}
    return drydock.http.get(f"{V1}/tasks", headers=headers)


@pytest.mark.slow
async def test_twelve_operators_work_while_one_client_floods_with_wrong_tokens(keystone, tmp_path):
    tokens = [keystone.token("ann-admin") for _ in range(OPERATORS)]
    new = [keystone.token("ann-admin") for _ in range(OPERATORS)]
    async with daemon(tmp_path, **settings_for(keystone)) as drydock:
        before = [await tasks(drydock, token, f"10.0.1.{n}") for n, token in enumerate(tokens)]
        assert {answer.status_code for answer in before} == {200}
        calls = keystone.calls()
        flood = [
            asyncio.create_task(tasks(drydock, f"gAAAAABk{number:0160}", FLOODER))
            for number in range(FLOOD)
        ]
        known = [tasks(drydock, token, f"10.0.1.{n}") for n, token in enumerate(tokens)]
        fresh = [tasks(drydock, token, f"10.0.1.{n}") for n, token in enumerate(new)]
        answers = await asyncio.gather(*known, *fresh)
        assert [answer.status_code for answer in answers] == [200] * 2 * OPERATORS
        refused = await asyncio.gather(*flood)
        assert {answer.status_code for answer in refused} == {401, 429}
        asked = keystone.calls() - calls - 2 * OPERATORS
        # As many as may wait at once, and a minute's worth: of 400.
        assert asked <= 64 + 60
        late = await tasks(drydock, "gAAAAABkanother", FLOODER)
        assert late.status_code == 429
        assert int(late.headers["Retry-After"]) >= 1
        assert late.json()["retry"] is True
        assert "too many unknown tokens" in late.json()["message"]
        # Good before, so never refused: even of the flooder's address.
        assert (await tasks(drydock, tokens[0], FLOODER)).status_code == 200


async def test_with_keystone_down_calls_end_at_once_and_health_says_degraded(
    make_keystone, tmp_path
):
    keystone = make_keystone()
    sections = settings_for(keystone)
    sections["keystone_authtoken"] |= {"token_cache_time": 300, "http_request_max_retries": 0}
    async with daemon(tmp_path, health={"cache": 0}, **sections) as drydock:
        token, other = keystone.token("ann-admin"), keystone.token("max-member")
        assert (await tasks(drydock, token, "10.0.1.1")).status_code == 200
        keystone.stop()
        for _ in range(20):
            away = await tasks(drydock, other, "10.0.1.1")
            assert (away.status_code, away.json()["retry"]) == (503, True)
        assert (await tasks(drydock, token, "10.0.1.1")).status_code == 200
        health = await drydock.http.get(f"{V1}/health/extended", headers={"X-Auth-Token": token})
        assert health.status_code == 200
        said = [message["message"] for message in health.json()["details"]["messageList"]]
        assert any(text.startswith(f"degraded: Keystone at {keystone.url}") for text in said), said
