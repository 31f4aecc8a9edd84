"""What daemons ask each other: answered to those who have the secret, hidden from all others."""

from typing import NamedTuple

import httpx
import pytest

from drydockd.cluster.peers import HEADER, WAITS, Seal
from drydockd.handlers.base import missing_policies
from drydockd.handlers.peers import WaitsHandler, peer_routes
from tests.handlers.helpers import daemon

SECRET = b"s" * 32


class Asked(NamedTuple):
    http: httpx.AsyncClient
    admin: dict


@pytest.fixture
async def drydock(tmp_path, monkeypatch):
    """A daemon alone, with the routes of one that is not, and two steps that wait."""
    monkeypatch.setattr("drydockd.app.page_routes", lambda *_: peer_routes(Seal(SECRET)))
    async with daemon(tmp_path) as made:
        waits = {"t 1": "its turn", "t2": "the next step"}
        told = lambda key=None: waits if key is None else {key: waits[key]}  # noqa: E731
        made.app.services.tasks.waits = told
        # Not the client of other tests, which holds each answer against the API's document.
        async with httpx.AsyncClient(base_url=made.app.url) as http:
            yield Asked(http, made.admin)


@pytest.mark.parametrize("query", ["", "?task=t%201"])
async def test_a_daemon_of_the_same_database_is_told(drydock, query):
    answer = await drydock.http.get(WAITS + query, headers={HEADER: Seal(SECRET).of(WAITS + query)})
    assert (answer.status_code, len(answer.json()["waits"])) == (200, 1 if query else 2)
    assert answer.json()["waits"]["t 1"] == "its turn"


async def test_for_everybody_else_there_is_nothing(drydock):
    sealed = Seal(SECRET).of(WAITS)
    for headers in ({}, drydock.admin, {HEADER: "x"}, {HEADER: Seal(b"t" * 32).of(WAITS)}):
        answer = await drydock.http.get(WAITS, headers=headers)
        nothing = await drydock.http.get("/internal/other", headers=headers)
        assert (answer.status_code, nothing.status_code) == (404, 404)
    moved = await drydock.http.get(f"{WAITS}?task=t2", headers={HEADER: sealed})
    assert moved.status_code == 404


async def test_a_daemon_alone_has_no_such_route(tmp_path):
    async with daemon(tmp_path) as made:
        answer = await made.http.get(WAITS, headers={HEADER: Seal(SECRET).of(WAITS)})
        assert answer.status_code == 404


def test_its_methods_have_their_policy():
    assert missing_policies([WaitsHandler]) == []
