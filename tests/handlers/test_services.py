import asyncio

from tests.handlers.helpers import REF, V1, daemon


async def test_every_request_that_began_has_ended(drydock):
    await drydock.task(action="validate_design")
    await drydock.http.get("/nowhere")
    await drydock.http.get(f"{V1}/tasks")
    assert drydock.app.services.in_flight == 0


async def test_a_stop_answers_those_who_wait(tmp_path):
    async with daemon(tmp_path) as drydock:
        made = await drydock.post(f"{V1}/tasks", {"action": "verify_site", "design_ref": REF})
        await drydock.ended(made.json()["task_id"])
        services = drydock.app.services
        # Given a request that waits for a change that will not come
        one = {
            "filter_set_type": "union",
            "filter_set": [{"filter_type": "union", "node_names": ["a01-control"]}],
        }
        await drydock.task(action="prepare_nodes", node_filter=one)
        task = await drydock.post(
            f"{V1}/tasks", {"action": "deploy_nodes", "design_ref": REF, "node_filter": one}
        )
        waiting = asyncio.create_task(drydock.get(f"{V1}/tasks/{task.json()['task_id']}?wait=60"))
        async with asyncio.timeout(20):
            while not services.in_flight:
                await asyncio.sleep(0)
            # When the daemon stops, then it is answered at once
            await drydock.app.stop()
            assert (await waiting).status_code == 200
