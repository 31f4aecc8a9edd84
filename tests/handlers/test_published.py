from datetime import UTC, datetime
from pathlib import Path

from prometheus_client import generate_latest

from drydockd.auth.certificates import Expiry
from drydockd.auth.lookups import Lookups
from drydockd.handlers.measure import Measures
from drydockd.handlers.published import publish
from tests.handlers.helpers import V1


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
