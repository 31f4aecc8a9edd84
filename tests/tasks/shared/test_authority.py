from drydockd.tasks.shared.authority import ALONE


async def test_a_daemon_alone_may_do_everything_for_ever():
    await ALONE.may_act()

    assert ALONE.guard() is None
    assert ALONE.member is None
    assert ALONE.reach_seconds is None


def test_asking_a_daemon_alone_waits_for_nothing():
    asking = ALONE.may_act()

    try:
        asking.send(None)
    except StopIteration:
        return
    raise AssertionError("it gave way to the loop")
