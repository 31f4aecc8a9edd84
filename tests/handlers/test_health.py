import pytest

from tests.handlers.helpers import V1, daemon


async def test_versions(drydock):
    answer = await drydock.http.get("/versions")
    assert answer.json() == {"v1.0": {"path": "/api/v1.0", "status": "stable"}}


async def test_a_healthy_daemon_says_so_without_a_word(drydock):
    answer = await drydock.http.get(f"{V1}/health")
    assert (answer.status_code, answer.content) == (204, b"")
    assert "Content-Type" not in answer.headers


async def test_extended_health_has_the_documented_form(drydock):
    answer = await drydock.get(f"{V1}/health/extended")
    assert answer.status_code == 200
    assert answer.json() == {
        "kind": "Status",
        "apiVersion": "v1.0",
        "metadata": {},
        "status": "Success",
        "message": "",
        "reason": "HealthCheck",
        "details": {
            "errorCount": 0,
            "messageList": [
                {
                    "kind": "SimpleMessage",
                    "message": "virtual machines only: plugins.node_driver is fake, no "
                    "provisioner of real machines",
                    "error": False,
                }
            ],
        },
        "code": 200,
    }


async def test_health_writes_nothing(drydock):
    written = []
    drydock.app.services.store.watch(lambda seq, records: written.extend(records))
    for _ in range(3):
        await drydock.http.get(f"{V1}/health")
        await drydock.get(f"{V1}/health/extended")
    assert written == []
    assert (await drydock.get(f"{V1}/tasks")).json() == []


async def test_metrics_name_no_host_and_no_task(drydock):
    task = await drydock.task(action="verify_site")
    node = await drydock.deployed("a01-control")
    await drydock.http.get(
        f"{V1}/bootdata/a01-control/units", headers={"X-Bootaction-Key": "0" * 64}
    )
    await drydock.get(f"{V1}/tasks/{task['task_id']}")
    answer = await drydock.http.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    text = answer.text
    assert 'route="/api/v1.0/tasks/{task_id}"' in text
    assert 'drydock_auth_failures_total{kind="bootkey"} 1.0' in text
    assert 'drydock_tasks{kind="running"} 0.0' in text
    assert "drydock_store_up 1.0" in text
    for secret in ("a01-control", task["task_id"], node.key, "joe"):
        assert secret not in text


async def test_metrics_can_be_switched_off(tmp_path):
    async with daemon(tmp_path, metrics={"enabled": False}) as drydock:
        assert (await drydock.http.get("/metrics")).status_code == 404


@pytest.mark.parametrize("path", ["/versions", f"{V1}/health", "/metrics"])
async def test_these_need_no_identity(drydock, path):
    assert (await drydock.http.get(path)).status_code in (200, 204)
