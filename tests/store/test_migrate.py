"""Older formats."""

import json

import pytest
from tinydb import TinyDB

from drydockd.errors import StoreRefused
from drydockd.store.damage import Damage
from drydockd.store.tiny import open_tiny
from tests.store.helpers import MONDAY, FailingDisk

TASK = {"task_id": "a", "action": "noop", "status": "complete", "created": MONDAY}
MESSAGE = {"message": "done", "error": True, "context_type": "NA", "context": "NA", "ts": MONDAY}


@pytest.fixture
def old(tmp_path):
    """Format 0: stock TinyDB, messages inside their task."""
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    with TinyDB(folder / "drydock.json") as db:
        db.table("tasks").insert({**TASK, "messages": [MESSAGE, {**MESSAGE, "error": False}]})
        db.table("tasks").insert({**TASK, "task_id": "b", "parent_task_id": "a", "messages": []})
        db.table("boot_contexts").insert(
            {"node": "n1", "context_id": "c", "task_id": "a", "design_ref": "", "design": ""}
            | {"created": MONDAY, "closed": None, "delivered": {}}
        )
    (folder / "drydock.json").chmod(0o600)
    return folder


async def test_an_older_file_is_brought_to_today_and_its_original_kept(old):
    original = (old / "drydock.json").read_bytes()
    store = await open_tiny(old)
    assert [(m.seq, m.error) for m in store.messages("a")] == [(1, True), (2, False)]
    assert [task.task_id for task in store.subtasks("a")] == ["b"]
    assert store.boot_context("n1").context_id == "c"
    await store.close()
    assert (old / "drydock.json.format0").read_bytes() == original
    assert json.loads((old / "drydock.json").read_bytes())["meta"]["1"]["format"] == 1
    store = await open_tiny(old)
    assert store.error_count("a") == 1
    await store.close()


async def test_a_migration_cut_anywhere_is_done_again(old):
    original = (old / "drydock.json").read_bytes()
    for cut in range(1, 12):
        for path in old.glob("drydock*"):
            path.unlink()
        (old / "drydock.json").write_bytes(original)
        (old / "drydock.json").chmod(0o600)
        disk = FailingDisk(lambda number, cut=cut: number >= cut)
        try:
            store = await open_tiny(old, disk=disk, probe_seconds=0)
            await store.close()
        except StoreRefused:
            pass
        store = await open_tiny(old)
        assert len(store.messages("a")) == 2
        assert (old / "drydock.json.format0").read_bytes() == original
        await store.close()


async def test_a_newer_file_is_refused_and_left_alone(old):
    (old / "drydock.json").write_text(json.dumps({"meta": {"1": {"format": 2}}, "tasks": {}}))
    before = (old / "drydock.json").read_bytes()
    with pytest.raises(StoreRefused, match="has format 2"):
        await open_tiny(old)
    assert (old / "drydock.json").read_bytes() == before


@pytest.mark.parametrize(
    ("content", "what"),
    [("{", "no JSON"), ("[]", "no TinyDB file"), ('{"mfta":{}}', "'mfta' is unknown")],
)
async def test_what_is_no_file_of_ours_is_refused(old, content, what):
    (old / "drydock.json").write_text(content)
    with pytest.raises(Damage, match=what):
        await open_tiny(old)
