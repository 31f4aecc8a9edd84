"""The daemons of a database as the database saw them."""

from tests.store.helpers import on_database


async def test_members_are_told_with_what_they_said_of_themselves(pair, shared):
    here, there = pair
    third = await on_database(shared, "c", address="http://c:9000", version="1.2")
    await third.close()
    holder = there.backend.member_id
    shared.run(
        f"UPDATE drydock.lease SET holder = {holder}, epoch = 1, until = 'infinity';"
        "UPDATE drydock.member SET beat = now() - interval '1 hour', applied = 7,"
        """ settings = '{"policy": "x"}' WHERE name = 'c'"""
    )
    members = await here.members()
    assert [(m.name, m.is_runner) for m in members] == [("a", False), ("b", True), ("c", False)]
    last = members[-1]
    assert (last.address, last.version, last.applied) == ("http://c:9000", "1.2", 7)
    assert last.settings == {"policy": "x"}
    assert last.silent_seconds > 3599
    assert members[0].silent_seconds < 600
    shared.run("UPDATE drydock.lease SET until = '-infinity'")
    assert not any(member.is_runner for member in await here.members())


async def test_a_member_that_starts_again_is_the_same_in_a_new_session(shared):
    first = await on_database(shared, "a")
    await first.close()
    second = await on_database(shared, "a")
    assert second.backend.member_id == first.backend.member_id
    assert second.backend.session == first.backend.session + 1
    await second.close()
