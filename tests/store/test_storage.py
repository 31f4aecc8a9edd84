"""The file as a TinyDB storage."""

import pytest
from tinydb import TinyDB, where

from drydockd.errors import StoreRefused
from drydockd.store.damage import Damage
from drydockd.store.layout import Meta
from drydockd.store.storage import TinyFile
from drydockd.store.tables import Tables
from tests.store.helpers import MONDAY

TASK = {"task_id": "a", "action": "noop", "status": "queued", "created": MONDAY}
MESSAGE = {"seq": 1, "error": False, "task_id": "a", "message": "m", "ts": MONDAY}


def test_tinydb_works_on_it_as_on_its_own(tmp_path):
    path = tmp_path / "drydock.json"
    with TinyDB(path, storage=TinyFile) as db:
        assert db.tables() == set()
        db.table("tasks").insert(TASK)
        db.table("messages").insert(MESSAGE)
        db.table("tasks").update({"status": "complete"}, where("task_id") == "a")
        assert db.table("tasks").get(where("task_id") == "a")["status"] == "complete"
    with TinyDB(path, access_mode="r") as stock:
        assert stock.table("messages").all()[0]["message"] == "m"
    tables = Tables()
    meta = TinyFile(path).load(tables)
    assert (meta.seq, tables.tasks["a"].status, tables.message_count) == (0, "complete", 1)


def test_its_identity_survives_being_written(tmp_path):
    storage = TinyFile(tmp_path / "drydock.json")
    storage.write({"tasks": {}})
    first = storage.read()["meta"]["1"]["store"]
    storage.write(storage.read())
    assert storage.read()["meta"]["1"]["store"] == first


def test_its_number_and_origin_survive_being_written(tmp_path):
    storage = TinyFile(tmp_path / "drydock.json")
    storage.replace(Tables().freeze(), Meta("me", 7, MONDAY, 3))
    storage.write(storage.read())
    meta = storage.load(Tables())
    assert (meta.store_id, meta.seq, meta.origin) == ("me", 7, 3)


def test_damage_is_found_when_it_is_read(tmp_path):
    storage = TinyFile(tmp_path / "drydock.json")
    assert storage.read() is None
    storage.write({"tasks": {"1": TASK}})
    content = storage.path.read_bytes()
    storage.path.write_bytes(content.replace(b"noop", b"noot"))
    with pytest.raises(Damage):
        storage.read()


def test_what_is_no_record_is_not_written(tmp_path):
    storage = TinyFile(tmp_path / "drydock.json")
    with pytest.raises(StoreRefused):
        storage.write({"tasks": {"1": {"name": "x"}}})
    assert not storage.path.exists()
