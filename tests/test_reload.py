import json
import stat
from asyncio import to_thread as in_thread

import pytest
import yaml

from drydockd import parts, reload
from drydockd.config import Schema, load
from drydockd.reload import NoDaemon, Outcome


def test_the_socket_is_in_the_folder_that_the_unit_made(tmp_path):
    assert reload.socket_path({"RUNTIME_DIRECTORY": f"{tmp_path}:/run/b"}) == tmp_path / "reload"
    assert str(reload.socket_path({})) == "/run/drydockd/reload"


async def test_who_connects_has_it_reload_and_is_told_the_outcome(tmp_path):
    path, calls = tmp_path / "reload", []

    def taken():
        calls.append(1)
        return Outcome(True, ("a: wrong", "b: wrong too"))

    async with await reload.answer(path, taken):
        told = await in_thread(reload.ask, path)
    assert told == Outcome(True, ("a: wrong", "b: wrong too"))
    assert len(calls) == 1


async def test_the_socket_is_its_owners_and_replaces_one_that_a_crash_left(tmp_path):
    path = tmp_path / "reload"
    reload.open_socket(path).close()
    async with await reload.answer(path, lambda: Outcome(False, ())):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert not (await in_thread(reload.ask, path)).is_refused


def test_without_a_daemon_it_is_said_where_it_was_looked_for(tmp_path):
    with pytest.raises(NoDaemon, match=f"no drydockd answers at {tmp_path}/reload: No such file"):
        reload.ask(tmp_path / "reload")
    reload.open_socket(tmp_path / "reload").close()
    with pytest.raises(NoDaemon, match="refused"):
        reload.ask(tmp_path / "reload")


@pytest.fixture
def loaded(tmp_path):
    def loaded(schema=None, **sections):
        path = tmp_path / "d.yaml"
        path.write_text(yaml.safe_dump({"auth": {"strategy": "jwt"}} | sections))
        return load([path], {}, schema or Schema())

    return loaded


def waiting(before, after, schema=None):
    return reload.waiting(before.settings, after, schema or Schema())


def test_only_options_that_a_reload_does_not_take_wait_for_a_restart(loaded, tmp_path):
    before = loaded(limits={"fan_out": 5}, api={"tls_cert": "/a", "tls_key": "/b"})
    after = loaded(
        limits={"retries": 1},
        api={"tls_cert": "/c", "tls_key": "/d"},
        logging={"log_level": "DEBUG"},
    )
    # One of them is given no more: it has no place.
    assert waiting(before, after) == ["limits.fan_out", f"limits.retries ({tmp_path}/d.yaml:7)"]
    assert waiting(before, before) == []


def test_from_http_to_https_is_a_restart(loaded):
    before, after = loaded(), loaded(api={"tls_cert": "/c", "tls_key": "/d"})
    assert [name.partition(" ")[0] for name in waiting(before, after)] == [
        "api.tls_cert",
        "api.tls_key",
    ]


def test_a_drivers_options_wait_too_and_no_value_is_shown(loaded):
    schema = parts.schema()
    before = loaded(schema, keystone_authtoken={"password": "hunter2"})
    after = loaded(
        schema, keystone_authtoken={"password": "hunter3"}, fake_driver={"power_seconds": 5}
    )
    found = waiting(before, after, schema)
    assert [name.partition(" ")[0] for name in found] == [
        "keystone_authtoken.password",
        "fake_driver.power_seconds",
    ]
    assert "hunter" not in json.dumps(found)
