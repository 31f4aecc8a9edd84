"""`drydock store copy` and `drydock store upgrade`: what they say, and what they refuse."""

import asyncio
import json

import pytest
from click.testing import CliRunner

from drydockd.cli.store import command
from drydockd.store import open_store
from drydockd.store.postgres import schema, upgrading
from drydockd.store.statedir import Lock, StateDir
from tests.peers.postgres import PASSWORD
from tests.store.postgres.filled import fill


@pytest.fixture
def state(tmp_path):
    async def live():
        store = await open_store("tiny", tmp_path / "state")
        await fill(store)
        await store.close()

    asyncio.run(live())
    (tmp_path / "state" / "secret").touch(mode=0o600)
    (tmp_path / "state" / "secret").write_text("ab" * 32)
    return tmp_path / "state"


@pytest.fixture
def store(postgres, monkeypatch):
    """Run ``drydock store <arguments>`` with the database in a variable."""
    monkeypatch.setenv("DRYDOCKD_STORE__URL", f"{postgres.url}?durable=no")

    def run(*arguments):
        result = CliRunner().invoke(command, [*map(str, arguments)])
        assert PASSWORD not in result.output
        assert "pg-secret" not in result.output
        return result

    return run


def test_a_copy_tells_what_both_hold_and_what_is_to_be_done(store, state, postgres, tmp_path):
    result = store("copy", f"tiny:{state}", "postgres:")
    assert result.exit_code == 0, result.output
    shown = f"postgresql://drydock@127.0.0.1:{postgres.server.port}/{postgres.name}"
    assert result.output.startswith(f"copied tiny:{state} -> postgres:{shown}\n")
    assert "3 tasks" in result.output
    assert "both hold the same: sha256 " in result.output
    assert f"give every daemon of the database a copy of {state}/secret" in result.output

    back = store("copy", "postgres:", f"tiny:{tmp_path}/back", "-o", "json")
    found = json.loads(back.output)
    assert found["counts"]["tasks"] == 3
    assert found["sha256"] in result.output
    assert (found["source"], found["target"]) == (f"postgres:{shown}", f"tiny:{tmp_path}/back")
    assert any("put the secret of the database's daemons" in note for note in found["notes"])


def test_what_is_there_is_replaced_by_name_only(store, state, postgres):
    assert store("copy", f"tiny:{state}", "postgres:").exit_code == 0
    again = store("copy", f"tiny:{state}", "postgres:")
    assert again.exit_code == 1
    assert "holds records already" in again.output
    wrong = store("copy", f"tiny:{state}", "postgres:", "--replace", "production")
    assert wrong.exit_code == 2
    assert f"what would be replaced is {postgres.name}" in wrong.output
    named = store("copy", f"tiny:{state}", "postgres:", "--replace", postgres.name)
    assert named.exit_code == 0, named.output
    other = store("copy", "postgres:", f"tiny:{state}", "--replace", "other")
    assert "what would be replaced is state" in other.output
    back = store("copy", "postgres:", f"tiny:{state}", "--replace", "state")
    assert back.exit_code == 0, back.output
    assert f"what was there before is in {state}/replaced-" in back.output


def test_nothing_is_copied_beside_a_daemon(store, state, postgres):
    lock = Lock(StateDir(state))
    result = store("copy", f"tiny:{state}", "postgres:")
    lock.release()
    assert result.exit_code == 1
    assert "is in use by process" in result.output
    assert postgres.run("SELECT to_regclass('drydock.head') IS NULL") == "t"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("tiny:a", "tiny:b"), "one is tiny:DIR, the other postgres:URL"),
        (("postgres:", "postgres:"), "one is tiny:DIR, the other postgres:URL"),
        (("a", "postgres:"), "'a' is no store: say tiny:DIR"),
        (("tiny:", "postgres:"), "tiny: needs its state directory"),
        (("tiny:a", "postgres:postgresql://u:p5x@h/d"), "a password in an argument"),
        (("tiny:a", "postgres://u:p5x@h/d"), "a password in an argument"),
        (("tiny:a", "postgres:nothing"), "postgres:URL: the database's URL must be"),
        (("tiny:a", "postgres://h/d", "--url", "postgresql://h/d"), "are two names; give one"),
    ],
)
def test_what_makes_no_sense_is_wrong_usage(words, said):
    result = CliRunner().invoke(command, ["copy", *words])
    assert result.exit_code == 2
    assert said in result.output
    assert "p5x" not in result.output


def test_a_database_is_checked_backed_up_restored_and_exported(store, state, postgres, tmp_path):
    url = f"postgres://drydock@/{postgres.name}?host={postgres.server.folder}"
    url += f"&port={postgres.server.port}"
    assert store("copy", f"tiny:{state}", f"postgres:{url}").exit_code == 0
    checked = store("check")
    assert checked.exit_code == 0, checked.output
    assert checked.output.endswith("whole\n")
    assert json.loads(store("check", "-o", "json").output)["whole"]

    backup = store("backup", tmp_path / "b.tar")
    assert "3 tasks" in backup.stdout
    assert "without the server's secret" in backup.stderr
    lines = store("export").output.splitlines()
    assert len(lines) == 3 + 3 + 1 + 1 + 2 + 1 + 1

    held = store("restore", tmp_path / "b.tar")
    assert "holds records already" in held.output
    restored = store("restore", tmp_path / "b.tar", "--replace", postgres.name)
    assert restored.exit_code == 0, restored.output
    assert store("export").output.splitlines() == lines

    postgres.run("DELETE FROM drydock.blob")
    damaged = store("check")
    assert damaged.exit_code == 1
    assert "PROBLEM blob " in damaged.stderr


def test_replace_is_not_for_a_folder_that_is_restored(state, tmp_path):
    (tmp_path / "b.tar").touch()
    words = ("restore", tmp_path / "b.tar", "--state-dir", state, "--replace", "state")
    result = CliRunner().invoke(command, [*map(str, words)])
    assert result.exit_code == 2
    assert "--replace is for a database" in result.output


def test_an_upgrade_says_what_it_did(store, state, monkeypatch):
    assert store("copy", f"tiny:{state}", "postgres:").exit_code == 0
    before = schema.FORMAT
    assert f"has format {before}, the newest this version knows" in store("upgrade").output
    monkeypatch.setattr(schema, "FORMAT", before + 1)
    monkeypatch.setattr(upgrading, "STEPS", {before: "SELECT 1"})
    assert f"has format {before + 1} now, it was {before}" in store("upgrade").output
    again = json.loads(store("upgrade", "-o", "json").output)
    assert again == {"before": before + 1, "now": before + 1}


@pytest.mark.usefixtures("postgres")
def test_an_upgrade_of_nothing_is_an_error(store):
    result = store("upgrade")
    assert result.exit_code == 1
    assert "holds no store of drydockd" in result.output
