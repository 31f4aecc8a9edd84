import asyncio

import pytest

from bench.attacks.connections import connected, crowd, get, reset
from drydockd.errors import TooMany, Unavailable
from drydockd.handlers.places import Places
from tests.handlers.helpers import V1, daemon
from tests.handlers.test_streams import ID, a_waiting_task, place, until


def places(per_caller, most):
    options = ("api.own", "api.all")
    return Places("long polls", per_caller=per_caller, most=most, options=options, retry_seconds=5)


def test_a_caller_has_its_share_and_all_together_theirs():
    some = places(1, 2)
    with some.taken("joe"):
        with pytest.raises(TooMany, match=r"1 long polls .*api\.own") as refused, some.taken("joe"):
            pass
        assert refused.value.retry_after == 5
        refusal = pytest.raises(Unavailable, match=r"2 .*api\.all")
        with some.taken("ann"), refusal, some.taken("eve"):
            pass
        assert some.open == 1
    assert some.open == 0


def test_a_place_is_free_again_whatever_happens():
    some = places(1, 1)
    for _ in range(3):
        with pytest.raises(RuntimeError), some.taken("joe"):
            raise RuntimeError
    assert (some.open, some._callers) == (0, {})


async def test_a_user_that_polls_too_often_is_told_the_limit_and_others_are_not_kept_out(tmp_path):
    api = {"wait_limit": 600, "long_polls_per_caller": 2, "long_polls": 3, "shutdown_grace": 0}
    async with daemon(tmp_path, api=api) as drydock:
        path, polls = await a_waiting_task(drydock), drydock.app.services.polls
        url = f"{V1}/tasks/{ID}"
        joe = {"X-Auth-Token": drydock.token("admin")}
        ann = {"X-Auth-Token": drydock.token("admin", user="ann")}
        async with crowd(place(drydock), 5, get(path, joe)):
            await until(drydock, lambda: polls.open == 2)
            answer = await drydock.http.get(path, headers=joe)
            assert (answer.status_code, answer.json()["retry"]) == (429, True)
            assert "api.long_polls_per_caller" in answer.json()["message"]
            assert int(answer.headers["Retry-After"]) > 0
            # Who does not wait is answered.
            assert (await drydock.http.get(url, headers=joe)).status_code == 200
            async with crowd(place(drydock), 1, get(path, ann)):
                await until(drydock, lambda: polls.open == 3)
                answer = await drydock.http.get(path, headers=ann)
                assert (answer.status_code, answer.json()["retry"]) == (503, True)
                assert "api.long_polls)" in answer.json()["message"]
                assert int(answer.headers["Retry-After"]) > 0
        await until(drydock, lambda: polls.open == 0)


async def test_without_an_identity_an_address_is_a_caller(tmp_path):
    api = {"wait_limit": 600, "long_polls_per_caller": 1, "trusted_proxies": ("127.0.0.0/8",)}
    auth = {"strategy": ("noauth",), "noauth_roles": ("admin",), "noauth_force": True}
    async with daemon(tmp_path, api=api | {"shutdown_grace": 0}, auth=auth) as drydock:
        path = await a_waiting_task(drydock)
        one, two = ({"X-Forwarded-For": f"192.0.2.{n}"} for n in (1, 2))
        async with crowd(place(drydock), 1, get(path, one)):
            await until(drydock, lambda: drydock.app.services.polls.open == 1)
            assert (await drydock.http.get(path, headers=one)).status_code == 429
            async with crowd(place(drydock), 1, get(path, two)):
                await until(drydock, lambda: drydock.app.services.polls.open == 2)


async def test_event_streams_have_places_per_caller_and_are_free_when_the_reader_left(tmp_path):
    api = {"event_streams_per_caller": 1, "shutdown_grace": 0}
    async with daemon(tmp_path, api=api) as drydock:
        await a_waiting_task(drydock)
        events, streams = f"{V1}/tasks/{ID}/events", drydock.app.services.streams
        for leave in (reset, lambda one: one.close()):
            reader = await connected(place(drydock))
            await asyncio.get_running_loop().sock_sendall(reader, get(events, drydock.admin))
            await until(drydock, lambda: streams.open == 1)
            answer = await drydock.get(events)
            assert answer.status_code == 429
            assert "api.event_streams_per_caller" in answer.json()["message"]
            leave(reader)
            await until(drydock, lambda: streams.open == 0)
