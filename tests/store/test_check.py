"""What `drydock store check` finds."""

import shutil

import pytest

from drydockd.store import Put
from drydockd.store.check import check
from drydockd.store.statedir import StateDir
from tests.store.helpers import a_message, a_task, some_data


@pytest.fixture
def state(tmp_path):
    return StateDir(tmp_path / "state")


@pytest.fixture
async def filled(tiny):
    await tiny.write(Put(a_task("a")), Put(a_message("a")), Put(some_data("1", "x" * 5000)))
    return tiny


async def test_a_running_daemons_directory_is_whole(filled, state):
    await filled.backend.compact()
    await filled.write(Put(a_task("b")))
    report = check(state)
    assert report.problems == []
    told = "\n".join(report.facts)
    assert "with all writes up to 1\n" in told
    assert "drydock.journal: whole, 1 writes after that" in told
    assert "1 messages" in told
    assert "2 tasks" in told
    assert "blobs: 1, 0 of them named by no record" in told
    assert not (state.path / "drydock.json.new").exists()


async def test_damage_lost_blobs_and_open_files_are_problems(filled, state, tmp_path):
    await filled.close()
    blob = next(state.blobs.iterdir())
    content = blob.read_bytes()
    blob.write_bytes(b"y" + content[1:])
    blob.chmod(0o644)
    assert [problem.split(";")[0] for problem in check(state).problems] == [
        f"blobs/{blob.name} is damaged: it does not match its name",
        f"{blob} is open to others",
    ]
    blob.unlink()
    assert check(state).problems == [f"blobs/{blob.name} is missing; records name it"]
    state.file.write_bytes(state.file.read_bytes().replace(b"step", b"stop"))
    assert "drydock.json is damaged at byte 0" in check(state).problems[0]


async def test_a_write_under_way_is_no_problem(filled, state):
    with state.journal.open("ab") as file:
        file.write(b"0123")
    report = check(state)
    assert report.problems == []
    assert any("4 bytes of a write" in fact for fact in report.facts)


def test_an_empty_directory_is_a_problem(state, tmp_path):
    state.path.mkdir(0o700)
    assert "holds no records" in check(state).problems[0]
    shutil.rmtree(state.path)
