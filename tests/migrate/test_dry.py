import pytest

from drydockd.errors import StoreRefused
from drydockd.migrate.dry import rehearsal
from drydockd.model import Action, BuildData, Task
from drydockd.store import Put
from drydockd.store.statedir import StateDir
from drydockd.store.tiny import open_tiny


def content(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


async def test_it_knows_what_is_on_disk_and_leaves_it_as_it_is(tmp_path):
    kept = await open_tiny(tmp_path / "state")
    await kept.write(Put(Task("a", Action.NOOP, created="2026")))
    before = content(tmp_path)
    # Beside a daemon that has it open
    store = rehearsal(StateDir(tmp_path / "state"))
    assert store.task("a").action is Action.NOOP
    await store.write(
        Put(Task("b", Action.NOOP, created="2026")),
        Put(BuildData("n1", "b", "2026", "lshw", "text/xml", "x" * 10_000)),
    )
    assert [task.task_id for task in store.tasks()] == ["a", "b"]
    await store.close()
    assert content(tmp_path) == before
    await kept.close()


async def test_where_nothing_is_nothing_is_made(tmp_path):
    store = rehearsal(StateDir(tmp_path / "state"))
    assert store.tasks() == []
    assert list(tmp_path.iterdir()) == []


async def test_what_is_damaged_is_refused(tmp_path):
    kept = await open_tiny(tmp_path / "state")
    await kept.write(Put(Task("a", Action.NOOP, created="2026")))
    await kept.close()
    file = tmp_path / "state" / "drydock.json"
    file.write_bytes(file.read_bytes().replace(b"noop", b"nope"))
    with pytest.raises(StoreRefused, match="damaged"):
        rehearsal(StateDir(tmp_path / "state"))
