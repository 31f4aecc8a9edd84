"""`drydock store`: what it prints and how it exits."""

import asyncio
import json

import pytest
from click.testing import CliRunner

from drydockd.cli.store import command
from drydockd.model import Action, Message, Task
from drydockd.store import Put
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
    assert "DROPPED drydock.json, byte 0" in result.output
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
