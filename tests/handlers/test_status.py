from tests.handlers.helpers import QUICK, V1, daemon

FAILING = {"config": QUICK | {"faults": [{"fault": "commission_fails"}]}}


async def test_status_shows_failed_nodes_by_cause_and_what_the_daemon_depends_on(tmp_path):
    async with daemon(tmp_path, fake_driver=FAILING) as drydock:
        assert (await drydock.get(f"{V1}/status")).json()["failures"] == []
        task = await drydock.task(action="prepare_nodes")
        shown = (await drydock.get(f"{V1}/status")).json()
        assert {part["name"]: part["state"] for part in shown["dependencies"]} == {
            "store": "up",
            "provisioner": "up",
            "keystone": "none",
        }
        [failed] = shown["failures"]
        assert (failed["task_id"], failed["step"]) == (task["task_id"], "configure_hardware")
        assert failed["count"] == len(failed["nodes"]) == len(task["result"]["failures"])
        assert shown["tasks"] == []
        assert shown["uptime_seconds"] > 0


async def test_a_store_that_cannot_write_is_down_with_its_cause(drydock, monkeypatch):
    from drydockd.store import StoreHealth

    store = drydock.app.services.store
    monkeypatch.setattr(store, "health", lambda: StoreHealth(error="disk full: no space"))
    shown = (await drydock.get(f"{V1}/status")).json()
    assert shown["dependencies"][0] == {
        "name": "store",
        "state": "down",
        "cause": "disk full: no space",
    }
    (warning,) = shown["warnings"]
    assert warning.startswith("virtual machines only")
