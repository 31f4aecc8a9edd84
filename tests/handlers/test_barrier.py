"""What others acknowledged is in every answer, or the answer says that it may not be."""

import asyncio
from dataclasses import replace

import pytest

from drydockd.errors import StoreStale
from drydockd.handlers import all_routes
from drydockd.handlers.barrier import NODE_SECONDS, PEOPLE_SECONDS, Barrier
from drydockd.handlers.base import NODE_KEY, OPEN
from drydockd.model import (
    Action,
    BootAction,
    BuildData,
    DriverRecord,
    Task,
    TaskStatus,
    new_id,
    timestamp,
)
from drydockd.store import Put, Remove
from drydockd.tasks.words import messages
from drydockd.web.sharing import OWNER, Sharing
from tests.handlers.helpers import REF, V1
from tests.handlers.others import shared
from tests.web.helpers import page

NODE = "a01-control"
ROUTES = all_routes(1024, 1024).all
# What is asked of people and no daemon's records tell.
UNREAD = {
    f"{V1}/openapi.json",
    f"{V1}/health/extended",
    *(route.pattern for route in ROUTES if route.pattern.startswith(f"{V1}/designs")),
}
# What answers whatever becomes of the database.
ALWAYS = {"/versions", "/metrics", f"{V1}/health", f"{V1}/health/extended"}


def path_of(route):
    path = route.pattern.format(
        task_id=new_id(), host="n1", action_id="0" * 26, design_id="d", kind="k", name="n"
    )
    return f"{path}?follow=false" if path == f"{V1}/events" else path


def a_task(**more):
    return Task(new_id(), Action.NOOP, created=timestamp(), design_ref=REF, **more)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_what_people_read_comes_behind_the_barrier_and_nothing_else_waits(drydock, method):
    others = shared(drydock)
    for route in ROUTES:
        if route.handler.policy.get("GET") in (None, NODE_KEY):
            continue
        others.asked.clear()
        await drydock.http.request(method, path_of(route), headers=drydock.admin)
        is_open = route.handler.policy["GET"] == OPEN
        is_waited_for = not is_open and route.pattern not in UNREAD
        assert others.asked == [PEOPLE_SECONDS] * is_waited_for, route.pattern


async def test_who_may_not_read_waits_for_nothing(drydock):
    others = shared(drydock)
    assert (await drydock.http.get(f"{V1}/tasks")).status_code == 401
    stranger = {"X-Auth-Token": drydock.token("stranger")}
    assert (await drydock.http.get(f"{V1}/tasks", headers=stranger)).status_code == 403
    assert others.asked == []


async def test_what_another_daemon_acknowledged_is_there(drydock):
    others, task = shared(drydock), a_task(status=TaskStatus.RUNNING)
    others.unseen = [Put(task)]
    shown = await drydock.get(f"{V1}/tasks/{task.task_id}")
    assert (shown.status_code, shown.json()["status"]) == (200, "running")
    assert "Drydock-Stale" not in shown.headers
    data = BuildData(NODE, task.task_id, timestamp(), "lshw", "text/xml", "<list/>")
    others.unseen = [Put(data)]
    found = await drydock.get(f"{V1}/nodes/{NODE}/builddata")
    assert [row["generator"] for row in found.json()] == ["lshw"]
    others.unseen = [Put(a_task())]
    assert len((await drydock.get(f"{V1}/tasks")).json()) == 2


async def test_a_wish_about_what_another_daemon_made_finds_it(drydock):
    others, task = shared(drydock), a_task(status=TaskStatus.QUEUED)
    others.unseen = [Put(task)]
    stopped = await drydock.post(f"{V1}/tasks/{task.task_id}/terminate")
    assert stopped.status_code == 200, stopped.text


async def test_without_the_database_people_are_told_how_old_the_answer_may_be(drydock):
    others, task = shared(drydock), a_task()
    await drydock.app.services.store.write(Put(task))
    others.cut = True
    for silent, told in ((0.1, "0.25"), (7.25, "7.25")):
        others.silent = silent
        shown = await drydock.get(f"{V1}/tasks/{task.task_id}")
        assert (shown.status_code, shown.headers["Drydock-Stale"]) == (200, told)
        unknown = await drydock.get(f"{V1}/tasks/{new_id()}")
        assert (unknown.status_code, unknown.headers["Drydock-Stale"]) == (404, told)
    others.cut = False
    assert "Drydock-Stale" not in (await drydock.get(f"{V1}/tasks/{new_id()}")).headers


async def test_who_waited_is_told_as_well_if_the_database_went_away_meanwhile(drydock):
    others, task = shared(drydock), a_task(status=TaskStatus.RUNNING)
    store = drydock.app.services.store
    await store.write(Put(task))
    waiting = asyncio.create_task(drydock.get(f"{V1}/tasks/{task.task_id}?wait=60"))
    async with asyncio.timeout(20):
        while not drydock.app.services.polls.open:
            await asyncio.sleep(0)
        others.cut, others.silent = True, 3
        while not waiting.done():
            await store.write(Put(messages.on_task(task.task_id, "hello")))
            await asyncio.sleep(0)
        answer = await waiting
    assert (answer.status_code, answer.headers["Drydock-Stale"]) == (200, "3.00")


async def test_past_the_limit_nothing_is_answered_but_what_the_daemon_is(drydock):
    node = await drydock.deployed(NODE)
    others = shared(drydock, stale_seconds=5)
    others.cut, others.silent = True, 5.1
    for route in ROUTES:
        for method in route.handler.policy:
            # A body would be refused before; without one everything gets as far as this.
            answer = await drydock.http.request(
                method, path_of(route), headers=drydock.admin | {"X-Bootaction-Key": node.key}
            )
            if route.pattern in ALWAYS:
                assert answer.status_code in (200, 204, 503), route.pattern
                continue
            assert answer.status_code == 503, (method, route.pattern)
            assert answer.json()["retry"] is True
            assert "store.stale_seconds: 5" in answer.json()["message"]
            assert int(answer.headers["Retry-After"]) > 0
    assert (await drydock.http.get("/nowhere")).status_code == 404
    units = f"{V1}/bootdata/{NODE}/units"
    key = {"X-Bootaction-Key": node.key}
    assert (await drydock.http.get(units, headers=key)).status_code == 503
    # Until then it goes on, and afterwards again.
    others.silent = 4.9
    assert (await drydock.http.get(units, headers=key)).status_code == 200


async def test_a_reader_that_is_ahead_comes_back_where_its_event_is_known(drydock):
    others = shared(drydock)
    store = drydock.app.services.store
    ahead = {"Last-Event-ID": str(store.origin + (store.seq + 3) * 1024)}
    others.cut, others.silent = True, 1
    path = f"{V1}/events?follow=false"
    answer = await drydock.http.get(path, headers=drydock.admin | ahead)
    assert answer.status_code == 503
    # Once it is known what is there, such an event never was.
    others.cut = False
    answer = await drydock.http.get(path, headers=drydock.admin | ahead)
    assert (answer.status_code, "event: gap" in answer.text) == (200, True)


async def test_the_page_comes_behind_the_barrier_too(tmp_path):
    async with page(tmp_path) as browser:
        others, task = shared(browser.drydock, stale_seconds=5), a_task()
        await browser.log_in("admin")
        others.asked.clear()
        others.unseen = [Put(task)]
        assert (await browser.get(f"/tasks/{task.task_id}")).status_code == 200
        assert others.asked == [PEOPLE_SECONDS]
        others.cut, others.silent = True, 2
        assert (await browser.get("/tasks")).headers["Drydock-Stale"] == "2.00"
        missing = await browser.get(f"/tasks/{new_id()}")
        assert (missing.status_code, missing.headers["Drydock-Stale"]) == (404, "2.00")
        others.silent = 6
        refused = await browser.get("/tasks")
        assert (refused.status_code, "store.stale_seconds" in refused.text) == (503, True)


async def test_who_logged_out_at_another_daemon_is_out_here_at_once(tmp_path):
    async with page(tmp_path) as browser:
        app, others = browser.drydock.app, shared(browser.drydock)
        store = app.services.store
        app.dashboard.sessions.sharing = Sharing(store, b"s" * 32, longest_seconds=60, most=9)
        await browser.log_in("admin")
        (session,) = store.driver_records(OWNER)
        others.asked.clear()
        assert (await browser.get("/tasks")).status_code == 200
        assert others.asked == [PEOPLE_SECONDS]
        others.unseen = [Remove(DriverRecord, session.key)]
        assert (await browser.get("/tasks")).status_code == 303
        assert others.asked == [PEOPLE_SECONDS] * 2


async def test_a_node_is_refused_on_nothing_less_than_all_that_was_acknowledged(drydock):
    node = await drydock.deployed(NODE)
    store, others = drydock.app.services.store, shared(drydock)
    url, key = f"{V1}/bootdata/{NODE}/units", {"X-Bootaction-Key": node.key}
    assert (await drydock.http.get(url, headers=key)).status_code == 200
    assert others.asked == [PEOPLE_SECONDS]

    # A deployment by another daemon that comes to be seen while a refusal is thought over.
    again = await drydock.deployed(NODE)
    await store.write(Put(node.context))
    others.unseen, others.late = [Put(again.context)], 1
    answer = await drydock.http.get(url, headers={"X-Bootaction-Key": again.key})
    assert (answer.status_code, others.asked[1:]) == (200, [PEOPLE_SECONDS, NODE_SECONDS])
    for headers, status in (({}, 401), (key, 403)):
        assert (await drydock.http.get(url, headers=headers)).status_code == status
    nobody = await drydock.http.get(f"{V1}/bootdata/nobody/units", headers=key)
    assert (nobody.status_code, others.asked.count(NODE_SECONDS)) == (404, 4)
    assert drydock.app.services.throttle.failures["bootkey"] == 2


@pytest.mark.parametrize("kind", ["units", "files"])
async def test_a_key_that_another_daemon_made_void_opens_no_boot_data(drydock, kind):
    node = await drydock.deployed(NODE)
    others = shared(drydock)
    url, key = f"{V1}/bootdata/{NODE}/{kind}", {"X-Bootaction-Key": node.key}
    assert (await drydock.http.get(url, headers=key)).status_code == 200
    others.unseen = [Put(replace(node.context, closed=timestamp()))]
    assert (await drydock.http.get(url, headers=key)).status_code == 404


async def test_a_report_is_refused_on_nothing_less_either(drydock):
    node = await drydock.deployed(NODE)
    store, others = drydock.app.services.store, shared(drydock)
    name, row = next((n, r) for n, r in node.actions.items() if r.status == "incomplete")
    url, key = f"{V1}/bootaction/{row.action_id}", {"X-Bootaction-Key": node.action_keys[name]}
    await store.write(Remove(BootAction, row.action_id))
    others.unseen = [Put(row)]
    assert (await drydock.http.post(url, headers=key, json={})).status_code == 200
    assert others.asked == [NODE_SECONDS]
    assert (await drydock.http.post(url, headers=key, json={})).status_code == 200
    assert others.asked == [NODE_SECONDS]
    done = {"status": "success"}
    assert (await drydock.http.post(url, headers=key, json=done)).status_code == 200
    assert (await drydock.http.post(url, headers=key, json=done)).status_code == 409
    assert others.asked == [NODE_SECONDS] * 2


async def test_a_node_is_not_refused_while_nobody_knows(drydock):
    node = await drydock.deployed(NODE)
    name, row = next((n, r) for n, r in node.actions.items() if r.status == "incomplete")
    report, key = f"{V1}/bootaction/{row.action_id}", {"X-Bootaction-Key": node.action_keys[name]}
    await drydock.http.post(report, headers=key, json={"status": "success"})
    others = shared(drydock)
    others.cut = True
    wrong = {"X-Bootaction-Key": "0" * 64}
    for answer in (
        await drydock.http.get(f"{V1}/bootdata/nobody/units", headers=wrong),
        await drydock.http.get(f"{V1}/bootdata/{NODE}/units", headers=wrong),
        await drydock.http.get(f"{V1}/bootdata/{NODE}/units"),
        await drydock.http.post(report, headers=wrong, json={}),
        await drydock.http.post(report, headers=key, json={}),
    ):
        assert (answer.status_code, answer.json()["retry"]) == (503, True)
        assert answer.headers["Retry-After"]
    # It was no attempt that failed.
    assert +drydock.app.services.throttle.failures == {}
    good = {"X-Bootaction-Key": node.key}
    answer = await drydock.http.get(f"{V1}/bootdata/{NODE}/units", headers=good)
    assert answer.status_code == 200


async def test_the_barrier_itself_is_over_when_the_silence_is_too_long():
    class Silent:
        def silent_seconds(self):
            return 61.0

        async def fresh(self, seconds):
            raise StoreStale("no answer")

    barrier = Barrier(Silent(), 60)
    assert barrier.is_stale
    for wait in (barrier.people, barrier.nodes):
        with pytest.raises(StoreStale):
            await wait()
