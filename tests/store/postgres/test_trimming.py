"""The feed is trimmed up to what all live daemons have seen, and never the newest write."""

from drydockd.store import Put
from tests.store.helpers import a_message, a_task, everything, on_database


async def test_only_what_is_old_and_seen_by_all_that_live_goes(pair, shared):
    here, _ = pair
    for number in range(10):
        await here.write(Put(a_task(f"{number}")), Put(a_message(f"{number}")))
    shared.run("UPDATE drydock.member SET applied = CASE name WHEN 'a' THEN 9 ELSE 4 END")
    assert await here.backend.trim() == await here.backend.trim(3600, 0) == 0  # young
    assert await here.backend.trim(0) == 4
    assert shared.run("SELECT min(seq) FROM drydock.write") == "5"
    assert shared.run("SELECT min(seq) FROM drydock.change") == "5"
    shared.run("UPDATE drydock.member SET beat = now() - interval '1 hour' WHERE name = 'b'")
    assert await here.backend.trim(0) == 5
    assert await here.backend.trim(0, 0) == 0
    assert shared.run("SELECT min(seq) FROM drydock.write") == "10"
    late = await on_database(shared, "late")
    assert everything(late) == everything(here)
    await late.write(Put(a_task("goes on")))
    await late.close()
