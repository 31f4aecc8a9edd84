"""`drydock store`: what it prints and how it exits."""

import asyncio
import json

import pytest
from click.testing import CliRunner

from drydockd.cli.store import command
from drydockd.model import Action, BootContext, Message, Task
from drydockd.store import Put
from drydockd.store.statedir import Lock, StateDir
from drydockd.store.tiny import open_tiny


@pytest.fixture
def state(tmp_path):
    async def fill():
        store = await open_tiny(tmp_path / "state")
        await store.write(
            Put(Task("a", Action.NOOP, design_ref="http://u:p@h/x", created="2026")),
            Put(Message("a", "done")),
        )
        await store.close()

    asyncio.run(fill())
    return tmp_path / "state"


@pytest.fixture
def store(state):
    """Run ``drydock store <arguments>`` on the state directory."""

    def run(*arguments, folder=state):
        return CliRunner().invoke(command, [*map(str, arguments), "--state-dir", str(folder)])

    return run


def damage(state):
    path = state / "drydock.json"
    path.write_bytes(path.read_bytes().replace(b"done", b"gone"))


def test_check_counts_and_says_whole(store):
    result = store("check")
    assert result.exit_code == 0, result.output
    assert "1 messages, 1 tasks" in result.output or "1 tasks" in result.output
    assert result.output.endswith("whole\n")


def test_check_exits_with_1_on_damage_and_names_the_command(store, state):
    damage(state)
    result = store("check")
    assert result.exit_code == 1
    assert "PROBLEM drydock.json is damaged at byte 0" in result.output
    assert f"drydock store repair --state-dir {state}" in result.output


def test_repair_says_what_it_dropped_and_where_the_original_is(store, state):
    assert store("repair").output.startswith("nothing to repair: ")
    damage(state)
    result = store("repair")
    assert result.exit_code == 0
    assert "UNSURE drydock.json, bytes 0 to" in result.output
    assert "kept " in result.output
    assert f"the damaged files are in {state}/damaged-" in result.output
    assert store("check").exit_code == 0


def test_a_backup_is_restored_elsewhere(store, tmp_path):
    result = store("backup", tmp_path / "b.tar.gz")
    assert result.exit_code == 0, result.output
    assert result.output.startswith(f"{tmp_path}/b.tar.gz: ")
    restored = store("restore", tmp_path / "b.tar.gz", folder=tmp_path / "copy")
    assert restored.exit_code == 0, restored.output
    assert restored.output.startswith("restored ")
    assert store("check", folder=tmp_path / "copy").exit_code == 0


def test_restoring_over_records_is_an_error_without_a_traceback(store, tmp_path):
    store("backup", tmp_path / "b.tar")
    result = store("restore", tmp_path / "b.tar")
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert "already holds records" in result.output


def test_export_prints_records_without_secrets(store, tmp_path):
    records = [json.loads(line) for line in store("export").output.splitlines()]
    assert [record["table"] for record in records] == ["tasks", "messages"]
    assert records[0]["record"]["design_ref"] == "http://***@h/x"
    assert store("export", "--output", tmp_path / "out").output == ""
    assert len((tmp_path / "out").read_text().splitlines()) == 2


@pytest.mark.parametrize("name", ["check", "repair", "export"])
def test_a_directory_without_records_is_told(store, tmp_path, name):
    result = store(name, folder=tmp_path / "nowhere")
    assert result.exit_code == 1
    assert "holds no records" in result.output


def keyed(folder):
    """Let a node of the store have keys."""

    async def fill():
        store = await open_tiny(folder)
        await store.write(Put(BootContext("n1", "c1", "a", "file:///d", "", "2026")))
        await store.close()

    asyncio.run(fill())


def test_a_missing_secret_beside_keyed_nodes_is_a_problem_until_a_new_one_is_made(store, state):
    keyed(state)
    result = store("check")
    assert result.exit_code == 1
    assert f"{state}/secret is missing, and the boot keys of 1 nodes" in result.output
    assert f"drydock store new-secret --state-dir {state}" in result.output
    made = store("new-secret")
    assert made.exit_code == 0, made.output
    assert made.output == f"made {state}/secret\nvoid are the keys of 1 nodes: n1\n"
    assert store("check").exit_code == 0


@pytest.mark.parametrize("name", ["secret", "jwt.secret", "jwt.secret.old"])
@pytest.mark.parametrize("content", ["", "abcd", "zz" * 32, "ab" * 31])
def test_a_secret_that_is_none_is_a_problem(store, state, name, content):
    (state / name).write_text(content)
    (state / name).chmod(0o600)
    result = store("check")
    assert result.exit_code == 1
    assert f"PROBLEM {state}/{name}: not a secret" in result.output


def test_an_old_secret_is_kept_beside_the_new_one(store, state):
    assert store("new-secret").exit_code == 0
    old = (state / "secret").read_text()
    result = store("new-secret")
    assert "the old one is" in result.output
    assert (state / "secret").read_text() != old
    assert [path.read_text() for path in state.glob("secret.void-*")] == [old]


def test_no_secret_is_made_under_a_running_daemon(store, state):
    lock = Lock(StateDir(state))
    try:
        result = store("new-secret")
    finally:
        lock.release()
    assert result.exit_code == 1
    assert "is in use by process" in result.output
    assert not (state / "secret").exists()


def test_no_secret_is_made_where_no_store_is(store, tmp_path):
    result = store("new-secret", folder=tmp_path / "nowhere")
    assert result.exit_code == 1
    assert "no such state directory" in result.output
