import json
import socket

import pytest

from drydockd import app
from drydockd.auth.secret import replace_secret
from drydockd.errors import InvalidConfig, StoreRefused
from drydockd.model import BootContext
from drydockd.store import Put, open_store
from tests.handlers.helpers import REF, V1, daemon, settings


async def test_a_daemon_runs_inside_the_with_and_leaves_nothing_open(tmp_path):
    async with app.running(settings(tmp_path), base=tmp_path) as running:
        assert running.url.startswith("http://127.0.0.1:")
        assert running.node_url is None
        listener = running.sockets[0]
    assert listener.fileno() == -1


async def test_two_daemons_in_one_process_do_not_mix(tmp_path):
    (tmp_path / "one").mkdir(mode=0o700)
    (tmp_path / "two").mkdir(mode=0o700)
    async with daemon(tmp_path / "one") as one, daemon(tmp_path / "two") as two:
        await one.task(action="validate_design")
        assert len((await one.get(f"{V1}/tasks")).json()) == 1
        assert (await two.get(f"{V1}/tasks")).json() == []
        assert 'kind="finished"} 1.0' in (await one.http.get("/metrics")).text
        assert 'kind="finished"} 0.0' in (await two.http.get("/metrics")).text
        foreign = await two.http.get(f"{V1}/tasks", headers=one.admin)
        assert foreign.status_code == 401


async def test_stopping_twice_is_safe(tmp_path):
    running = await app.start(settings(tmp_path), base=tmp_path)
    await running.stop()
    await running.stop()


async def test_what_was_written_is_there_after_a_restart(tmp_path):
    tiny = {"backend": "tiny", "state_dir": tmp_path / "state"}
    async with daemon(tmp_path / "state", store=tiny) as drydock:
        task = await drydock.task(action="validate_design")
    async with daemon(tmp_path / "state", store=tiny) as drydock:
        assert (await drydock.get(f"{V1}/tasks/{task['task_id']}")).json() == task


@pytest.mark.parametrize(
    ("sections", "text"),
    [
        ({"api": {"listen": "192.0.2.1:1"}}, "api.listen"),
        ({"auth": {"strategy": ("keystone",)}}, "keystone_authtoken.auth_url"),
        ({"auth": {"jwt_algorithms": ("RS256",)}}, "jwt"),
        ({"store": {"state_dir": "/proc/nowhere", "backend": "memory"}}, "store.state_dir"),
    ],
)
async def test_a_part_that_cannot_be_made_refuses_the_start(tmp_path, sections, text):
    with pytest.raises(InvalidConfig, match=text):
        await app.start(settings(tmp_path, **sections), base=tmp_path)


async def test_a_lost_secret_beside_keyed_nodes_refuses_the_start_until_a_new_one_is_meant(
    tmp_path,
):
    """Made anew silently, it voids the keys of every node that is being deployed."""
    folder = tmp_path / "state"
    tiny = {"backend": "tiny", "state_dir": folder}
    async with daemon(folder, store=tiny):
        pass
    store = await open_store("tiny", folder)
    await store.write(Put(BootContext("n1", "c1", "t", "file:///d", "", "2026")))
    await store.close()
    secret = folder / "secret"
    secret.unlink()
    with pytest.raises(StoreRefused, match=r"boot keys of 1 nodes.*drydock store new-secret"):
        await app.start(settings(folder, store=tiny), base=folder)
    assert not secret.exists()
    replace_secret(secret)
    async with daemon(folder, store=tiny):
        pass


async def test_a_secret_that_is_none_is_refused_with_what_makes_a_new_one(tmp_path):
    (tmp_path / "secret").write_text("")
    (tmp_path / "secret").chmod(0o600)
    with pytest.raises(InvalidConfig, match=r"not a secret.*drydock store new-secret"):
        await app.start(settings(tmp_path), base=tmp_path)


async def test_a_failed_start_frees_the_port_and_the_state(tmp_path):
    tiny = {"backend": "tiny", "state_dir": tmp_path / "state"}
    (tmp_path / "policy.yaml").write_text("- nonsense")
    with pytest.raises(InvalidConfig):
        await app.start(settings(tmp_path, store=tiny), base=tmp_path)
    (tmp_path / "policy.yaml").unlink()
    async with daemon(tmp_path / "state", store=tiny) as drydock:
        assert (await drydock.http.get("/versions")).status_code == 200


async def test_a_reloaded_policy_is_in_force_at_once(tmp_path):
    async with daemon(tmp_path) as drydock:
        assert (await drydock.get(f"{V1}/tasks")).status_code == 200
        (tmp_path / "policy.yaml").write_text('"physical_provisioner:read_task": "!"\n')
        drydock.app.reload()
        assert (await drydock.get(f"{V1}/tasks")).status_code == 403


async def test_a_sockets_name_nobody_knows_refuses_the_start(tmp_path):
    with pytest.raises(InvalidConfig, match="FileDescriptorName"):
        await app.start(settings(tmp_path), base=tmp_path, sockets={"web": []})


async def test_a_keystone_that_is_away_is_503_and_never_401_or_open(tmp_path):
    keystone = {
        "auth_url": "http://127.0.0.1:9/v3",
        "username": "drydock",
        "password": "x",
        "user_domain_name": "default",
        "project_name": "service",
        "project_domain_name": "default",
        "http_request_max_retries": 0,
    }
    both = {"strategy": ("jwt", "keystone")}
    async with daemon(tmp_path, auth=both, keystone_authtoken=keystone) as drydock:
        away = await drydock.http.get(f"{V1}/tasks", headers={"X-Auth-Token": "gAAAA" * 30})
        assert (away.status_code, away.json()["retry"]) == (503, True)
        without = await drydock.http.get(f"{V1}/tasks")
        assert without.status_code == 401
        assert 'Keystone uri="http://127.0.0.1:9/v3"' in without.headers["WWW-Authenticate"]
        # A local token goes on working.
        assert (await drydock.get(f"{V1}/tasks")).status_code == 200


async def test_a_site_is_deployed_through_the_api_by_machines_that_report(tmp_path):
    # Given machines that behave as real ones do, reporting to this very daemon
    lab = {
        "latencies": dict.fromkeys(
            ("bmc", "power", "discovery", "commission", "deploy", "wipe", "first_boot", "report"),
            0,
        )
    }

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    sections = {
        "fake_driver": {"config": lab, "folder": str(tmp_path / "room")},
        "api": {"listen": f"127.0.0.1:{port}", "public_url": url},
        "bootactions": {"report_url": f"{url}{V1}/bootactions/"},
    }
    some = {
        "filter_set_type": "union",
        "filter_set": [
            {"filter_type": "union", "node_names": ["a01-control", "a02-compute", "a07-storage"]}
        ],
    }
    async with daemon(tmp_path, **sections) as drydock:
        for action in ("prepare_nodes", "deploy_nodes"):
            task = await drydock.task(action=action, design_ref=REF, node_filter=some)
            assert task["result"]["status"] == "success", task["result"]
        assert task["result"]["successes"] == ["a01-control", "a02-compute", "a07-storage"]
        view = (await drydock.get(f"{V1}/nodes/a01-control")).json()
        assert sorted(view["boot_data"]["delivered"]) == ["files", "units"]
        assert {row["status"] for row in view["boot_actions"]} <= {"success", "unreported"}


async def test_start_stop_and_every_reload_are_in_the_security_log(tmp_path, caplog):
    caplog.set_level("INFO", "drydockd.audit")
    rules = tmp_path / "policy.yaml"
    rules.write_text("{}")
    running = await app.start(settings(tmp_path), base=tmp_path)
    url = running.url
    running.reload()
    rules.write_text("physical_provisioner:read_task: [unclosed")
    with pytest.raises(InvalidConfig):
        running.reload()
    await running.stop()
    await running.stop()
    told = [json.loads(record.message) for record in caplog.records]
    assert [(line["event"].partition(":")[0], line["description"]) for line in told] == [
        ("sys_startup", f"serves {url}"),
        ("authz_change", "policy reloaded"),
        ("authz_change", "refused, the old one is kept"),
        ("sys_shutdown", "shutting down"),
    ]


async def test_an_address_that_guesses_keys_is_slowed_and_the_log_says_so(tmp_path, caplog):
    caplog.set_level("INFO", "drydockd.audit")
    async with daemon(tmp_path, auth={"strategy": ("jwt",), "throttle_failures": 1}) as drydock:
        for _ in range(3):
            await drydock.http.get(f"{V1}/tasks", headers={"X-Auth-Token": "garbage"})
        metrics = (await drydock.http.get("/metrics")).text
    assert any('"excess_rate_limit_exceeded' in r.message for r in caplog.records)
    assert "drydock_auth_tracked_addresses 1.0" in metrics
