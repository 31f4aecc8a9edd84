from datetime import UTC, datetime
from pathlib import Path

from prometheus_client import generate_latest

from drydockd.auth.certificates import Expiry
from drydockd.auth.lookups import Lookups
from drydockd.handlers.measure import Measures
from drydockd.handlers.published import publish
from tests.handlers.helpers import QUICK, REF, V1, daemon


async def test_numbers_are_those_of_the_moment(drydock):
    await drydock.task(action="validate_design")
    first = (await drydock.http.get("/metrics")).text
    assert 'drydock_tasks{kind="finished"} 1.0' in first
    assert 'drydock_store_records{kind="task"} 1.0' in first
    await drydock.task(action="validate_design")
    assert 'drydock_tasks{kind="finished"} 2.0' in (await drydock.http.get("/metrics")).text


async def test_the_end_of_a_certificate_is_published(drydock):
    end = datetime(2030, 1, 1, tzinfo=UTC)
    services = drydock.app.services
    services.measures = Measures()
    publish(services, [Expiry("api.tls_cert", Path("/c"), "CN=x", end)], None, Lookups())
    text = generate_latest(services.measures.registry).decode()
    assert 'certificate_expiry_timestamp_seconds{kind="api.tls_cert"} 1.893456e+09' in text


async def test_the_store_being_down_is_published_and_unhealthy(drydock, monkeypatch):
    from drydockd.store import StoreHealth

    monkeypatch.setattr(
        drydock.app.services.store, "health", lambda: StoreHealth(error="No space left on device")
    )
    assert "drydock_store_up 0.0" in (await drydock.http.get("/metrics")).text
    assert (await drydock.http.get(f"{V1}/health")).status_code == 503


async def test_the_work_and_what_it_depends_on_are_published(drydock):
    await drydock.task(action="verify_nodes")
    shown = (await drydock.http.get("/metrics")).text
    assert 'drydock_tasks_ended_total{action="verify_nodes",outcome="success"} 1.0' in shown
    assert "drydock_provisioner_up 1.0" in shown
    assert "\ndrydock_keystone_up " not in shown
    assert 'drydock_bmc_errors_total{driver="fake",kind="no_answer"} 0.0' in shown
    calls = next(line for line in shown.splitlines() if line.startswith("drydock_bmc_calls_total"))
    assert float(calls.split()[-1]) > 0
    assert "\ndrydock_oldest_unfinished_task_timestamp_seconds{" not in shown


async def test_the_oldest_task_that_has_not_ended_is_published(tmp_path):
    faults = {"config": QUICK | {"faults": [{"fault": "commission_hangs"}]}}
    async with daemon(tmp_path, fake_driver=faults) as drydock:
        body = {"design_ref": REF, "action": "prepare_nodes"}
        first, _ = [(await drydock.post(f"{V1}/tasks", body)).json() for _ in range(2)]
        shown = (await drydock.http.get("/metrics")).text
        name = 'drydock_oldest_unfinished_task_timestamp_seconds{action="prepare_nodes"} '
        value = float(shown.partition(name)[2].split()[0])
        assert value == datetime.fromisoformat(first["created"]).timestamp()
