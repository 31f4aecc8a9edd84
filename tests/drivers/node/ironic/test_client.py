"""What a request becomes when Ironic is away, busy, cross, or not Ironic at all."""

import contextlib

import pytest

from drydockd.drivers.node.ironic.access import access_of
from drydockd.drivers.node.ironic.client import IronicClient, Locked, Taken
from drydockd.errors import (
    DriverConflict,
    DriverPersistent,
    DriverTransient,
    NodeUnknown,
)
from tests.drivers.node.ironic.proxy import answers, proxy, says
from tests.drivers.node.ironic.sites import options
from tests.peers.keystone import free_port

SECRET = "pass-of-ironic-31"


@contextlib.asynccontextmanager
async def client_of(url, seconds=30.0, **more):
    client = IronicClient(access_of(options(url, **more)), seconds=seconds)
    try:
        yield client
    finally:
        await client.close()


def in_turn(*verdicts):
    left = list(verdicts)
    return lambda request: left.pop(0) if len(left) > 1 else left[0]


async def test_what_is_read_is_asked_again_while_ironic_is_away():
    rule = in_turn(says(503, "no conductor"), "cut", answers({"uuid": "u"}))
    async with proxy(rule=rule) as line, client_of(line.url) as client:
        assert await client.get("/v1/nodes/n1", "n1") == {"uuid": "u"}
        assert [request.path for request in line.seen] == ["/v1/", *["/v1/nodes/n1"] * 3]


@pytest.mark.parametrize("verdict", ["cut", says(503, "try later"), says(500, "oops")])
async def test_what_changes_something_is_sent_once(verdict):
    async with proxy(rule=lambda request: verdict) as line, client_of(line.url) as client:
        with pytest.raises(DriverTransient, match=r"n1: Ironic, PUT /v1/nodes/u/states/provision"):
            await client.send("PUT", "/v1/nodes/u/states/provision", "n1", {"target": "active"})
        assert len([r for r in line.seen if r.method == "PUT"]) == 1


async def test_nobody_who_listens_is_told_after_the_deadline():
    port = free_port()
    async with client_of(f"http://127.0.0.1:{port}", seconds=0.3) as client:
        with pytest.raises(DriverTransient, match=f"no connection to http://127.0.0.1:{port}"):
            await client.get("/v1/nodes/n1", "n1")


@pytest.mark.parametrize(
    ("status", "words", "kind"),
    [
        (404, "Node n1 could not be found.", NodeUnknown),
        (409, "Node u is locked by host c, please retry after", Locked),
        (409, "Node u can not be updated while a state transition is in progress.", Locked),
        (409, "A node with name n1 already exists.", Taken),
        (400, "The requested action can not be performed", DriverConflict),
        (403, "Access was denied", DriverPersistent),
        (429, "slow down", DriverTransient),
        (406, "Not Acceptable", DriverPersistent),
        (302, "elsewhere", DriverPersistent),
    ],
)
async def test_a_refusal_says_who_what_the_status_and_ironics_own_words(status, words, kind):
    rule = lambda request: says(status, words)  # noqa: E731
    async with (
        proxy(rule=rule) as line,
        client_of(line.url, auth="http_basic", username="adm", password=SECRET) as client,
    ):
        with pytest.raises(kind) as caught:
            await client.send("PATCH", "/v1/nodes/u", "n1", [{"value": "bmc-secret"}])
    text = str(caught.value)
    assert text.startswith(f"n1: Ironic, PATCH /v1/nodes/u: {status}: {words}")
    assert SECRET not in text
    assert "bmc-secret" not in text


async def test_a_404_of_somebody_else_is_no_absence():
    rule = lambda request: says(404, "<h1>nginx</h1>", ironic=False)  # noqa: E731
    async with proxy(rule=rule) as line, client_of(line.url) as client:
        with pytest.raises(DriverPersistent, match="nginx"):
            await client.get("/v1/nodes/n1", "n1")


async def test_what_is_no_ironic_is_named_with_the_option():
    odd = (200, {}, b"hello")
    async with proxy("", rule=lambda request: odd) as line, client_of(line.url) as client:
        with pytest.raises(DriverPersistent, match=r"ironic_driver\.url"):
            await client.get("/v1/nodes/n1")


async def test_every_request_speaks_the_agreed_version_and_logs_in():
    rule = lambda request: answers({})  # noqa: E731
    async with (
        proxy(rule=rule) as line,
        client_of(line.url, auth="http_basic", username="adm", password=SECRET) as client,
    ):
        await client.get("/v1/drivers")
        await client.get("/v1/drivers")
        headers = line.seen[-1].headers
    assert len(line.seen) == 3
    assert headers["X-Openstack-Ironic-Api-Version"] == "1.87"
    assert headers["Authorization"].startswith("Basic ")


async def test_a_refused_login_is_tried_once_more_and_no_oftener():
    rule = lambda request: says(401, "no")  # noqa: E731
    async with (
        proxy(rule=rule) as line,
        client_of(line.url, auth="http_basic", username="adm", password=SECRET) as client,
    ):
        with pytest.raises(DriverPersistent, match="see the account in ironic_driver"):
            await client.get("/v1/drivers")
        assert len(line.seen) == 3


async def test_a_collection_is_read_to_its_end():
    pages = {
        None: {"nodes": [{"uuid": "a"}, {"uuid": "b"}], "next": "there"},
        "b": {"nodes": [{"uuid": "c"}], "next": "there"},
        "c": {"nodes": []},
    }

    def rule(request):
        return answers(pages[request.query.get("marker")])

    async with proxy(rule=rule) as line, client_of(line.url) as client:
        found = [entry["uuid"] async for entry in client.pages("/v1/nodes", "nodes", {})]
    assert found == ["a", "b", "c"]


async def test_a_collection_whose_pages_go_round_ends():
    page = {"nodes": [{"uuid": "a"}], "next": "there"}
    async with proxy(rule=lambda request: answers(page)) as line, client_of(line.url) as client:
        with pytest.raises(DriverPersistent, match="is itself"):
            assert [entry async for entry in client.pages("/v1/nodes", "nodes", {})]


async def test_an_answer_that_never_ends_is_not_kept():
    big = (200, {}, b"x" * (17 << 20))
    async with proxy(rule=lambda request: big) as line, client_of(line.url) as client:
        with pytest.raises(DriverPersistent, match="more than 16 MiB"):
            await client.get("/v1/nodes")


async def test_an_answer_that_is_no_json_is_told():
    odd = (200, {}, b"<html>")
    async with proxy(rule=lambda request: odd) as line, client_of(line.url) as client:
        with pytest.raises(DriverTransient, match="the answer is no JSON: <html>"):
            await client.send("PUT", "/v1/nodes/x", "n1")
