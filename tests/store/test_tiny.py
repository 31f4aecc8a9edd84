"""The backend on disk: whatever fails or is cut, what was acknowledged is there."""

import asyncio
import errno
import json
import os
import shutil
import zlib
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from tinydb import TinyDB

from drydockd.errors import StoreRefused, StoreUnavailable
from drydockd.model import BuildData, Intent, Message, Task
from drydockd.store import Edit, Put, Remove, layout, open_store, tiny
from drydockd.store.base import Say
from drydockd.store.damage import Damage
from drydockd.store.disk import Disk
from drydockd.store.format import FORMAT
from drydockd.store.lines import Journal
from drydockd.store.memory import MemoryStore
from drydockd.store.news import Wording
from drydockd.store.recovery import recover
from drydockd.store.statedir import StateDir
from drydockd.store.tiny import TinyStore, open_tiny
from tests.store.helpers import (
    COMPLETE,
    MONDAY,
    TUESDAY,
    FailingDisk,
    a_boot_action,
    a_context,
    a_message,
    a_task,
    everything,
    some_data,
)

pytestmark = pytest.mark.slow

LONG = "x" * 5000
ROUNDS = 20


async def compact(store) -> None:
    if isinstance(store, TinyStore):
        await store.backend.compact()


async def pin_a_design(store) -> None:
    digest = await store.put_blob(b"design")
    await store.write(Put(a_task("d", design=digest, status=COMPLETE)))


def writing(*changes):
    return lambda store: store.write(*changes)


# One of everything that touches the disk. Each step is one atomic write, or none.
HISTORY = [
    writing(Put(a_task("a")), Put(a_message("a", "one"))),
    writing(Put(a_task("b", parent_task_id="a")), Put(a_context("n1", "c1", "b"))),
    pin_a_design,
    writing(Put(some_data("1", LONG)), Put(some_data("2", "short"))),
    compact,
    writing(Put(a_message("a", "two", error=True)), Put(a_boot_action("A", task_id="b"))),
    writing(Edit(Task, "b", lambda task: replace(task, status=COMPLETE))),
    writing(Put(Intent("b/n1/wipe", "b", "n1", "wipe", MONDAY)), Remove(BuildData, "1")),
    compact,
    lambda store: store.purge_tasks(before=TUESDAY),
    writing(Put(a_message("b", "last"))),
]


async def follow(store, model) -> tuple[dict, dict]:
    """Do the history until a step fails; return the states before and after that step.

    Without a failure both are the last state.
    """
    for step in HISTORY:
        before = everything(model)
        try:
            await step(store)
        except StoreUnavailable:
            await step(model)
            return before, everything(model)
        await step(model)
    return everything(model), everything(model)


async def state_of(folder: Path) -> dict:
    store = await open_tiny(folder, disk=FailingDisk())
    try:
        state = everything(store)
        for data in store.build_data():
            assert len(data.data_element) in (len(LONG), len("short"))
        for task in store.tasks():
            if task.design:
                assert await store.blob(task.design) == b"design"
        return state
    finally:
        await store.close()


async def count_operations(folder: Path) -> int:
    disk = FailingDisk()
    store = await open_tiny(folder, disk=disk)
    await follow(store, MemoryStore())
    await store.close()
    return disk.count


async def test_a_power_cut_at_any_operation_leaves_what_was_acknowledged(tmp_path):
    operations = await count_operations(tmp_path / "whole")
    assert operations > 70
    for cut in range(1, operations + 1):
        folder = tmp_path / str(cut)
        disk = FailingDisk(fails=lambda number, cut=cut: number >= cut)
        acceptable = [everything(MemoryStore())] * 2
        try:
            store = await open_tiny(folder, disk=disk, probe_seconds=0)
        except StoreRefused:
            continue_with = None
        else:
            acceptable = await follow(store, MemoryStore())
            continue_with = store
        for image in disk.images(folder, tmp_path / "images" / str(cut)):
            state = await state_of(image)
            assert state in acceptable, f"cut at {disk.log[cut - 1]} ({cut}), {image.name}"
        if continue_with:
            await continue_with.close()
        shutil.rmtree(tmp_path / "images", ignore_errors=True)


async def succeeds(step, store) -> bool:
    try:
        await step(store)
    except StoreUnavailable:
        return False
    return True


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EROFS], ids=errno.errorcode.get)
@pytest.mark.parametrize("times", [1, 4])
async def test_memory_and_disk_stay_in_step_whatever_fails(tmp_path, error, times):
    operations = await count_operations(tmp_path / "whole")
    refused = 0
    for first in range(1, operations + 1, 1 if error == errno.ENOSPC else 3):
        folder = tmp_path / str(first)
        disk = FailingDisk(lambda n, first=first: first <= n < first + times, error)
        model = MemoryStore()
        try:
            store = await open_tiny(folder, disk=disk, probe_seconds=0)
        except StoreRefused:
            continue
        for step in HISTORY:
            while not await succeeds(step, store):
                refused += 1
                assert everything(store) == everything(model), disk.log[-times:]
            await step(model)
            assert everything(store) == everything(model), disk.log[-times:]
        image = disk.image(folder, tmp_path / f"{first}-cut", "synced", "lost")
        assert await state_of(image) == everything(model), (first, disk.log)
        await store.close()
        assert await state_of(folder) == everything(model), f"{first}: {disk.log[first - 1]}"
    assert refused > 10


async def test_writing_resumes_by_itself_when_the_disk_is_well_again(tmp_path):
    disk = FailingDisk(error=errno.ENOSPC)
    store = await open_tiny(tmp_path / "state", disk=disk, probe_seconds=0.01)
    await store.write(Put(a_task("a")))
    disk.fails = lambda number: True
    with pytest.raises(StoreUnavailable, match=r"disk full: .*No space left on device"):
        await store.write(Put(a_task("b")))
    assert store.task("a")
    assert "No space left" in store.health().error
    disk.fails = lambda number: False
    async with asyncio.timeout(20):
        while store.health().error:
            await asyncio.sleep(0.005)
    await store.write(Put(a_task("c")))
    await store.close()
    assert [task["task_id"] for task in (await state_of(tmp_path / "state"))["tasks"]] == ["a", "c"]


async def test_a_failed_write_takes_those_that_were_based_on_it_along(tmp_path):
    disk = FailingDisk()
    store = await open_tiny(tmp_path / "state", disk=disk)
    await store.write(Put(a_task("a")))
    disk.fails = lambda number, at=disk.count + 1: number == at
    outcomes = await asyncio.gather(
        *(
            store.write(Edit(Task, "a", lambda task: replace(task, retry=task.retry + 1)))
            for _ in range(5)
        ),
        return_exceptions=True,
    )
    assert {type(outcome) for outcome in outcomes} == {StoreUnavailable}
    await store.write(Edit(Task, "a", lambda task: replace(task, retry=task.retry + 1)))
    assert store.task("a").retry == 1
    await store.close()


async def a_journal(folder: Path) -> tuple[bytes, list[dict]]:
    """Write a short history; return the journal and the states on the way."""
    store, model = await open_tiny(folder), MemoryStore()
    states = [everything(model)]
    for step in (HISTORY[0], HISTORY[7], writing(Put(a_message("a", "two")), Remove(Intent, "x"))):
        await step(store)
        await step(model)
        states.append(everything(model))
    journal = (folder / "drydock.journal").read_bytes()
    shutil.copytree(folder, folder.with_name("copy"))
    (folder.with_name("copy") / "drydock.mark").unlink()  # nothing says what must be there
    await store.close()
    return journal, states


async def test_a_journal_cut_at_any_byte_gives_the_writes_it_has_whole(tmp_path):
    journal, states = await a_journal(tmp_path / "state")
    copy = tmp_path / "copy"
    for size in range(len(journal) + 1):
        if b"\n" not in journal[:size]:  # that is damage: see test_recovery
            continue
        (copy / "drydock.journal").write_bytes(journal[:size])
        whole = max(0, journal[:size].count(b"\n") - 1)  # without the header
        assert records_in(copy) == states[whole], size


async def test_every_flipped_byte_of_a_journal_is_found_and_its_offset_told(tmp_path):
    journal, _ = await a_journal(tmp_path / "state")
    copy = tmp_path / "copy"
    start = 0
    for at in range(len(journal)):
        flipped = bytearray(journal)
        flipped[at] ^= 1 << at % 8
        (copy / "drydock.journal").write_bytes(flipped)
        with pytest.raises(Damage) as caught:
            records_in(copy)
        assert caught.value.offset == start, at
        assert f"at byte {start}" in str(caught.value)
        assert "drydock store repair --state-dir" in str(caught.value)
        if journal[at] == 0x0A:
            start = at + 1


async def test_every_flipped_byte_of_a_file_is_found(tmp_path):
    await a_journal(tmp_path / "state")
    path = tmp_path / "state" / "drydock.json"
    content = path.read_bytes()
    for at in range(len(content)):
        flipped = bytearray(content)
        flipped[at] ^= 1 << at % 8
        path.write_bytes(flipped)
        with pytest.raises(Damage):
            records_in(path.parent)


def records_in(folder: Path) -> dict:
    store = MemoryStore()
    store._tables = recover(StateDir(folder)).tables
    return everything(store)


async def test_stock_tinydb_opens_the_file_after_a_clean_stop(tmp_path):
    store = await open_tiny(tmp_path / "state")
    await follow(store, MemoryStore())
    expected = everything(store)
    await store.close()
    with TinyDB(tmp_path / "state" / "drydock.json", access_mode="r") as stock:
        assert stock.tables() == {*expected, "meta"}
        for name, documents in expected.items():
            assert sorted(map(dict, stock.table(name)), key=repr) == documents


async def test_writes_go_on_while_the_journal_is_folded_into_the_file(tmp_path):
    store = await open_tiny(tmp_path / "state")
    await store.write(Put(a_task("a")))
    for _ in range(3):
        compaction = asyncio.ensure_future(store.backend.compact())
        while not compaction.done():
            await store.write(Put(a_message("a")))
        await compaction
    written = everything(store)
    assert len(written["messages"]) > 3
    await store.close()
    assert await state_of(tmp_path / "state") == written


class CountingDisk(Disk):
    """Notes at each write to the file how many turns the loop has had."""

    def __init__(self):
        self.turns = 0
        self.seen = []

    def write(self, descriptor, data):
        if os.readlink(f"/proc/self/fd/{descriptor}").endswith(".new"):
            self.seen.append(self.turns)
        return super().write(descriptor, data)


async def test_the_loop_has_a_turn_between_two_chunks_of_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(layout, "CHUNK_BYTES", 1000)
    disk = CountingDisk()
    store = await open_tiny(tmp_path / "state", disk=disk)
    await store.write(Put(a_task("a")), *(Put(a_message("a", "x" * 500)) for _ in range(30)))
    compaction = asyncio.ensure_future(store.backend.compact())
    while not compaction.done():
        disk.turns += 1
        await asyncio.sleep(0)
    await compaction
    assert len(disk.seen) > 15
    # Two, as the thread may go on before the counter has its turn.
    assert max(Counter(disk.seen).values()) <= 2
    await store.close()


async def test_a_snapshot_holds_nothing_of_later_writes(tmp_path):
    store = await open_tiny(tmp_path / "state")
    await store.write(Put(a_task("a")), Put(a_message("a")), Put(a_task("b")))
    frozen = store._tables.freeze()
    await store.write(
        Put(a_message("a", "later")), Remove(Task, "b"), Put(a_task("c")), Put(a_message("c"))
    )
    await store.write(Put(a_task("b", retry=7)), Edit(Task, "a", lambda t: replace(t, retry=7)))
    tasks = [task for rows in frozen.slices("tasks", 1) for task in rows]
    assert [(task.task_id, task.retry) for task in tasks] == [("a", 0), ("b", 0)]
    assert [(task_id, len(tails)) for task_id, tails in frozen.message_tails()] == [("a", 1)]
    store._tables.thaw()
    await store.close()


async def test_a_long_journal_is_folded_by_itself(tmp_path):
    store = await open_tiny(tmp_path / "state", compact_bytes=10_000)
    await store.write(Put(a_task("a")))
    file = tmp_path / "state" / "drydock.json"
    async with asyncio.timeout(20):
        while not file.exists():
            await store.write(Put(a_message("a", "x" * 500)))
    await store.close()
    assert len((await state_of(tmp_path / "state"))["messages"]) >= 15


async def test_a_long_journal_is_folded_once_nobody_writes(tmp_path, monkeypatch):
    folded = asyncio.Event()
    compacted = tiny.TinyBackend._compacted

    def told(backend, task):
        compacted(backend, task)
        folded.set()

    monkeypatch.setattr(tiny, "_QUIET_SECONDS", 0.0)
    monkeypatch.setattr(tiny, "_LONGEST", 1000)
    monkeypatch.setattr(tiny.TinyBackend, "_compacted", told)
    store = await open_tiny(tmp_path / "state", compact_bytes=10_000)
    await store.write(Put(a_task("a")), *(Put(a_message("a", "x" * 500)) for _ in range(30)))
    assert not (tmp_path / "state" / "drydock.json").exists()
    await folded.wait()
    assert (tmp_path / "state" / "drydock.json").exists()
    assert store.backend.health().journal_bytes < 10_000
    await store.close()


async def test_a_second_daemon_is_told_who_has_the_directory(tmp_path):
    store = await open_store("tiny", tmp_path / "state")
    with pytest.raises(StoreRefused, match=f"in use by process {os.getpid()};"):
        await open_store("tiny", tmp_path / "state")
    await store.close()
    await (await open_store("tiny", tmp_path / "state")).close()


async def test_only_the_owner_can_read_what_is_written(tmp_path):
    old = os.umask(0)
    try:
        store = await open_tiny(tmp_path / "state")
        await follow(store, MemoryStore())
        await store.put_blob(b"other")
        await store.close()
    finally:
        os.umask(old)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "state").rglob("*")}
    assert modes.pop("blobs") == modes.pop("past") == 0o700
    assert set(modes.values()) == {0o600}
    assert len(modes) >= 4


async def test_blobs_no_record_names_are_swept_at_the_start(tmp_path):
    store = await open_tiny(tmp_path / "state")
    digest = await store.put_blob(b"forgotten")
    kept = await store.put_blob(b"design")
    await store.write(Put(a_task("a", design=kept)))
    await store.close()
    assert {path.name for path in (tmp_path / "state" / "blobs").iterdir()} == {digest, kept}
    await (await open_tiny(tmp_path / "state")).close()
    assert [path.name for path in (tmp_path / "state" / "blobs").iterdir()] == [kept]


async def test_a_missing_journal_is_refused(tmp_path):
    await a_journal(tmp_path / "state")
    (tmp_path / "state" / "drydock.journal").unlink()
    with pytest.raises(StoreRefused, match="is missing beside"):
        await open_tiny(tmp_path / "state")


async def test_a_journal_of_another_store_is_refused(tmp_path):
    await a_journal(tmp_path / "state")
    other = await open_tiny(tmp_path / "other")
    await other.close()
    shutil.copy(tmp_path / "other" / "drydock.journal", tmp_path / "state" / "drydock.journal")
    with pytest.raises(StoreRefused, match="belongs to another store"):
        await open_tiny(tmp_path / "state")


async def test_an_older_file_under_a_newer_journal_is_refused(tmp_path):
    folder = tmp_path / "state"
    store = await open_tiny(folder)
    await store.write(Put(a_task("a")))
    await store.backend.compact()
    old = (folder / "drydock.json").read_bytes()
    await store.write(Put(a_task("b")))
    await store.close()
    (folder / "drydock.json").write_bytes(old)
    with pytest.raises(StoreRefused, match="too old"):
        await open_tiny(folder)


async def arrivals_of(store) -> dict[str, int]:
    return {task.task_id: store.arrival(task.task_id) for task in store.unfinished()}


@pytest.mark.parametrize("ending", ["stopped", "killed", "compacted"])
async def test_numbers_arrivals_and_origin_outlive_the_process_and_a_clock_set_back(
    tmp_path, ending, monkeypatch
):
    folder = tmp_path / "state"
    store = await open_tiny(folder)
    for number, task_id in enumerate("zxy"):
        await store.write(Put(a_task(task_id, created=str(9 - number))))
        if ending == "compacted" and number == 1:
            await store.backend.compact()
    seq, origin, arrivals = store.seq, store.origin, await arrivals_of(store)
    if ending != "stopped":
        shutil.copytree(folder, tmp_path / "copy")
        (tmp_path / "copy" / "lock").unlink()
    await store.close()
    monkeypatch.setattr("time.time_ns", lambda: 1)
    store = await open_tiny(folder if ending == "stopped" else tmp_path / "copy")
    assert (store.seq, store.origin, await arrivals_of(store)) == (seq, origin, arrivals)
    await store.write(Put(a_task("a", created="0")))
    assert [task.task_id for task in store.unfinished()] == ["z", "x", "y", "a"]
    assert store.seq == store.arrival("a") == seq + 1
    await store.close()


OLD = Path(__file__).parent / "format1"


@pytest.mark.parametrize(
    ("name", "order"),
    [("journal", ["zoe", "bob", "amy"]), ("compacting", ["zoe", "bob", "amy", "abe"])],
)
async def test_a_directory_of_format_1_is_taken_over_in_place(tmp_path, name, order):
    """Written by drydockd 0.1 with its clock set back; the second was killed in a compaction."""
    folder = tmp_path / "state"
    shutil.copytree(OLD / name, folder)
    for path in (folder, *folder.iterdir()):
        path.chmod(0o700 if path == folder else 0o600)
    seqs, origins, arrivals = [], [], []
    for _ in range(3):  # the first life is killed, the next two are stopped
        store = await open_tiny(folder)
        assert [task.task_id for task in store.unfinished()] == order
        assert [(m.seq, m.message) for m in store.messages("zoe")] == [(1, "first"), (2, "second")]
        assert [task.task_id for task in store.subtasks("zoe")] == ["zoe-step"]
        seqs.append(store.seq)
        origins.append(store.origin)
        arrivals.append(await arrivals_of(store))
        if len(seqs) == 1:
            shutil.copytree(folder, tmp_path / "killed")
            await store.close()
            shutil.rmtree(folder)
            (tmp_path / "killed").rename(folder)
        else:
            await store.close()
    assert len(set(seqs)) == len(set(origins)) == 1
    assert arrivals[0] == arrivals[1] == arrivals[2]
    assert max(arrivals[0].values()) <= seqs[0]
    assert origins[0] > 1_767_600_000_000_000  # ids so far were moments of its records
    assert json.loads((folder / "drydock.json").read_bytes())["meta"]["1"]["format"] == FORMAT


async def test_a_journal_of_format_2_is_taken_over_before_it_gets_what_2_does_not_have(tmp_path):
    store = await open_tiny(tmp_path / "state")
    await store.write(Put(a_task("a")), Put(a_message("a", "first")))
    seq, origin = store.seq, store.origin
    shutil.copytree(tmp_path / "state", tmp_path / "old")
    await store.close()
    journal = tmp_path / "old" / "drydock.journal"
    header, writes = journal.read_bytes().split(b"\n", 1)
    older = header[9:].replace(b'"format":%d' % FORMAT, b'"format":2')
    assert older != header[9:]
    journal.write_bytes(b"%08x %b\n" % (zlib.crc32(older), older) + writes)

    store = await open_tiny(tmp_path / "old")
    assert Journal(journal, journal.read_bytes()).header.format == FORMAT
    await store.write(Say("a", Wording([Message("", "second")])))
    assert [m.message for m in store.messages("a")] == ["first", "second"]
    assert (store.seq, store.origin) == (seq + 1, origin)
    await store.close()


async def test_an_upgrade_cut_anywhere_is_done_again(tmp_path):
    for cut in range(1, 30):
        folder = tmp_path / str(cut)
        shutil.copytree(OLD / "compacting", folder)
        for path in (folder, *folder.iterdir()):
            path.chmod(0o700 if path == folder else 0o600)
        disk = FailingDisk(lambda number, cut=cut: number >= cut)
        try:
            store = await open_tiny(folder, disk=disk, probe_seconds=0)
            await store.close()
        except StoreRefused:
            pass
        store = await open_tiny(folder)
        assert [task.task_id for task in store.unfinished()] == ["zoe", "bob", "amy", "abe"]
        await store.close()
    assert disk.count < cut  # the last round failed nowhere


@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_killed_process_loses_nothing_it_acknowledged(tmp_path, number):
    from bench.crash import one_round

    acknowledged, found = one_round(tmp_path / "state", seed=number)
    assert acknowledged <= found


async def test_writes_of_one_append_that_lost_a_block_are_dropped_together(tmp_path):
    folder = tmp_path / "state"
    store = await open_tiny(folder, quick_seconds=0)
    await store.write(Put(a_task("a")), Put(a_message("a", "kept")))
    size = store.health().journal_bytes
    await asyncio.gather(*(store.write(Put(a_message("a", "x" * 300))) for _ in range(20)))
    shutil.copytree(folder, tmp_path / "cut")
    (tmp_path / "cut" / "lock").unlink()
    (tmp_path / "cut" / "drydock.mark").unlink()  # which says that these came to the disk
    await store.close()
    journal = tmp_path / "cut" / "drydock.journal"
    content = journal.read_bytes()
    hole = (size // 512 + 1) * 512
    journal.write_bytes(content[:size] + bytes(hole - size) + content[hole:])
    store = await open_tiny(tmp_path / "cut")
    assert [message.message for message in store.messages("a")] == ["kept"]
    await store.write(Put(a_message("a", "later")))
    await store.close()
    assert len((await state_of(tmp_path / "cut"))["messages"]) == 2
