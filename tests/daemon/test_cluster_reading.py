"""Several daemons on one database, read in turns: nothing that was acknowledged is missing."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from drydockd.model import BootAction
from drydockd.store import Edit, Put
from drydockd.tasks.shared.places import end_of
from drydockd.tasks.words import ways
from tests.daemon.cluster import here
from tests.handlers.helpers import REF, V1
from tests.webhooks.receiver import receiving

pytestmark = pytest.mark.peer("postgres")

NODE = "a01-control"


@asynccontextmanager
async def behind(daemon):
    """Keep what others write from being seen by a daemon, as if its network were slow."""
    async with daemon.app.services.store.backend._replica._order:
        yield


async def waits_for_others(daemon):
    """Return when somebody waits at the barrier of the daemon."""
    feed = daemon.app.services.store.backend._feed
    async with asyncio.timeout(20):
        while not feed._waiting:
            await asyncio.sleep(0)


async def test_what_one_acknowledged_is_read_at_the_other_or_said_to_be_missing(tmp_path, postgres):
    async with here(tmp_path, postgres, 2) as cluster:
        one, other = cluster.daemons.values()
        for number in range(20):
            made, asked = (one, other) if number % 2 else (other, one)
            body = {"action": "validate_design", "design_ref": REF}
            task = (await made.post(f"{V1}/tasks", body)).json()
            shown = await asked.get(f"{V1}/tasks/{task['task_id']}")
            assert shown.status_code == 200
            assert "Drydock-Stale" not in shown.headers
        async with behind(other):
            task = (await one.post(f"{V1}/tasks", body)).json()
            # Without the barrier it would be 404 and nothing said.
            shown = await other.get(f"{V1}/tasks/{task['task_id']}")
            assert shown.status_code == 404
            assert float(shown.headers["Drydock-Stale"]) >= 0.25
        assert (await other.get(f"{V1}/tasks/{task['task_id']}")).status_code == 200


async def test_a_node_is_not_refused_for_what_another_daemon_knows(tmp_path, postgres):
    async with here(tmp_path, postgres, 2) as cluster:
        one, other = cluster.daemons.values()
        async with behind(other):
            node = await one.deployed(NODE)
            key = {"X-Bootaction-Key": node.key}
            units = asyncio.create_task(other.http.get(f"{V1}/bootdata/{NODE}/units", headers=key))
            await waits_for_others(other)
        assert (await units).status_code == 200
        name, row = next((n, r) for n, r in node.actions.items() if r.status == "incomplete")
        report = f"{V1}/bootaction/{row.action_id}"
        key = {"X-Bootaction-Key": node.action_keys[name]}
        # Of two reports of the end to two daemons at once one is taken.
        answers = await asyncio.gather(
            *(d.http.post(report, headers=key, json={"status": "success"}) for d in (one, other))
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        close = Edit(BootAction, row.action_id, lambda found: ways.closed(found, "now"))
        await one.app.services.store.write(close)
        assert (await other.http.post(report, headers=key, json={})).status_code == 403


async def test_a_failure_of_boot_data_is_told_once_whichever_daemons_a_node_asks(
    tmp_path, postgres
):
    async with here(tmp_path, postgres, 2) as cluster:
        daemons = list(cluster.daemons.values())
        task = await daemons[0].task(action="validate_design")
        node = await daemons[0].deployed(NODE, task["task_id"])
        await daemons[1].app.services.store.fresh(10)
        for is_final in (True, False):
            await asyncio.gather(
                *(
                    daemon.app.services.tasks.deployments.note_render_failure(
                        node.context, "units", f"final: {is_final}", is_final=is_final
                    )
                    for daemon in daemons * 2
                )
            )
        await daemons[1].app.services.store.fresh(10)
        shown = (await daemons[1].get(f"{V1}/tasks/{task['task_id']}")).json()
        said = [m["message"] for m in shown["result"]["details"]["messageList"]]
        assert sum(text.endswith("final: True") for text in said) == 1
        assert sum(text.endswith("final: False") for text in said) == 1


# -- events ------------------------------------------------------------------------------


async def events(daemon, path, after=None, most=None):
    """Return the events a reader gets as (id, kind, data), `most` of them and then it leaves."""
    headers = daemon.admin | ({} if after is None else {"Last-Event-ID": str(after)})
    found, lines = [], []
    async with daemon.http.stream("GET", f"{V1}/{path}", headers=headers) as answer:
        assert answer.status_code == 200, await answer.aread()
        async for line in answer.aiter_lines():
            if line.startswith(("id: ", "event: ", "data: ")):
                lines.append(line.partition(": ")[2])
            if len(lines) == 3:
                found.append((lines[0], lines[1], json.loads(lines[2])))
                lines = []
                if len(found) == most:
                    break
    return found


async def now_at(daemons):
    """Return the id that all events so far lie before, those that some daemon began behind too."""
    for daemon in daemons:
        await daemon.app.services.store.fresh(10)
    stores = [daemon.app.services.store for daemon in daemons]
    return str(max(end_of(store.origin, store.seq) for store in stores))


async def test_a_reader_that_moves_to_another_daemon_at_every_event_misses_none(tmp_path, postgres):
    async with here(tmp_path, postgres, 3) as cluster:
        daemons = list(cluster.daemons.values())
        await cluster.runner()
        start = (await now_at(daemons)).partition(".")[0]
        body = {"action": "verify_site", "design_ref": REF}
        made = (await daemons[1].post(f"{V1}/tasks", body)).json()
        path = f"tasks/{made['task_id']}/events"
        moved, after = [], start
        async with asyncio.timeout(60):
            while found := await events(daemons[len(moved) % 3], path, after, 1):
                moved += found
                after = found[0][0]
        whole = [await events(daemon, path, start) for daemon in daemons]
        # The ids are the same on every daemon, and so is what stands behind them.
        assert whole[0] == whole[1] == whole[2]
        assert [e for e in whole[0] if e not in moved] == []
        assert [int(e[0]) for e in moved] == sorted({int(e[0]) for e in moved})
        assert {"state", "message"} <= {kind for _, kind, _ in moved}

        # A daemon that began afterwards knows of none of it: the whole tree again.
        await cluster.start("d4")
        again = await events(cluster.daemons["d4"], path, moved[2][0])
        assert {e[2]["seq"] for e in whole[0] if e[1] == "message"} <= {
            e[2]["seq"] for e in again if e[1] == "message"
        }
        assert again[-1][2] == whole[0][-1][2]


async def test_events_of_everything_have_one_order_wherever_they_are_read(tmp_path, postgres):
    async with here(tmp_path, postgres, 2) as cluster:
        daemons = list(cluster.daemons.values())
        await cluster.runner()
        start = await now_at(daemons)
        for daemon in daemons:
            await daemon.task(action="verify_site")
        node = await daemons[1].deployed(NODE)
        await daemons[0].app.services.store.write(*(Put(row) for row in node.actions.values()))
        path = "events?follow=false"
        whole = [await events(daemon, path, start) for daemon in daemons]
        told = [[e for e in found if e[1] != "place"] for found in whole]
        assert told[0] == told[1]
        assert len(told[0]) > 10
        moved, after = [], start
        while len(moved) < len(told[0]):
            for event in await events(daemons[len(moved) % 2], path, after, 3):
                if event[1] != "place" and event not in moved:
                    moved.append(event)
                    after = event[0]
                    break
        assert moved == told[0]


async def test_a_webhook_goes_on_at_the_next_runner_where_the_one_before_stopped(
    tmp_path, postgres
):
    with receiving() as receiver:
        hook = {"name": "test", "url": receiver.url, "secret": "s3cr3t-s3cr3t-s3cr3t"}
        hook["filter"] = {"kind": ["state", "node", "message", "boot_action"]}
        hooks = {"events": {"webhooks": [hook]}, "network": {"allowed_hosts": ("localhost",)}}
        async with here(tmp_path, postgres, 2, **hooks) as cluster:
            runner, [other] = await cluster.runner(), await cluster.followers()
            store = other.app.services.store
            async with asyncio.timeout(30):
                while (place := store.driver_record("webhooks/test")) is None:
                    await store.fresh(10)
            start = place.document["place"]
            ended = [(await other.task(action="validate_design"))["task_id"]]
            await asyncio.to_thread(receiver.next)
            receiver.open.clear()  # in mid delivery
            stopping = asyncio.create_task(cluster.stop(runner.app.services.cluster.name))
            await cluster.daemons[other.app.services.cluster.name].app.services.cluster.leads.wait()
            receiver.open.set()
            await stopping
            ended.append((await other.task(action="validate_design"))["task_id"])
            kept = await events(other, "events?follow=false", start)
            kept = [number for number, kind, _ in kept if kind != "place"]
            while kept[-1] != (await asyncio.to_thread(receiver.next)).event["id"]:
                pass
    came = list(dict.fromkeys(event["id"] for event in receiver.taken()))
    assert came == kept, "left out, or out of order"
    told = {event["data"].get("task_id") for event in receiver.taken()}
    assert told >= set(ended)


# -- what each tells of itself -----------------------------------------------------------


async def test_health_names_the_daemons_and_one_of_them_tells_of_the_store(tmp_path, postgres):
    async with here(tmp_path, postgres, 2) as cluster:
        runner = await cluster.runner()
        name = runner.app.services.cluster.name
        [follower] = await cluster.followers()
        lease = follower.app.services.cluster.lease
        async with asyncio.timeout(30):
            while lease.live < 2:
                await lease._beaten.wait()
        shown = (await follower.get(f"{V1}/health/extended")).json()
        texts = [message["message"] for message in shown["details"]["messageList"]]
        own = follower.app.services.cluster.name
        assert f"cluster: this is {own}; 2 alive (d1, d2), {name} runs the tasks" in texts
        assert (await follower.http.get(f"{V1}/health")).status_code == 204
        tells = [
            (daemon is runner, "\ndrydockd_runner 1.0" in text, "\ndrydock_tasks{" in text)
            for daemon in cluster.daemons.values()
            for text in [(await daemon.http.get("/metrics")).text]
        ]
        assert all(len(set(told)) == 1 for told in tells)
        assert sum(told[0] for told in tells) == 1
        assert follower.app.services.throttle._daemons() == 2
