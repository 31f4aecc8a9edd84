"""The daemon that runs a task is stopped at every single await of it, another one takes over.

Then the first goes on. Nothing is done twice or late at a machine, nothing that was acknowledged
is lost, the first one's process ends by itself, and all is recorded and said as in a run that
nobody disturbed. That these tests can fail is shown with each of what prevents it switched off.
"""

import itertools

import pytest

from drydockd import acting
from drydockd.tasks.actions import power_cycle_node
from tests.tasks.stopping import Fate
from tests.tasks.takeover import GoesOn, Scene, complaints, run

pytestmark = pytest.mark.slow

ROOMS = {
    "power_cycle_nodes": {"machines": [{"name": "n1", "power": "on"}]},
    "deploy_nodes": {"initial": "ready"},
    "destroy_nodes": {"initial": "deployed"},
}
# What becomes of what was on its way, and the seconds until the other one takes over: with what
# machines were told to do still under way, or done.
STOPS = ((Fate.ARRIVES, 0.0), (Fate.ARRIVES, 10.0), (Fate.NEVER, 0.0))


def scenes(action, turn=0, **more):
    """The scene of each suspension; over three turns each meets each moment of going on."""
    fate, seconds = STOPS[turn]
    more = {"fate": fate, "seconds": seconds} | more
    for at in itertools.count(1):
        goes_on = tuple(GoesOn)[(at + turn) % 3]
        yield at, Scene(action, ROOMS[action], goes_on=goes_on, **more)


def sweep(every):
    """Run each scene until one has not so many suspensions; yield what there is to complain of."""
    undisturbed = None
    for at, scene in every:
        undisturbed = undisturbed or run(scene)
        seen = run(scene, at)
        if seen is None:
            return
        yield at, scene, complaints(seen, undisturbed)


def found(every):
    """Every complaint of a sweep, by where it came, and how many suspensions there were."""
    count, bad = 0, []
    for at, scene, complained in sweep(every):
        count = at
        bad += [(at, str(scene.goes_on), one) for one in complained]
    return bad, count


@pytest.mark.parametrize("turn", range(len(STOPS)), ids=["under_way", "done", "never_arrives"])
@pytest.mark.parametrize(
    ("action", "more"),
    [
        ("power_cycle_nodes", {}),
        ("power_cycle_nodes", {"in_sessions": True}),
        ("deploy_nodes", {}),
        ("destroy_nodes", {}),
    ],
    ids=["power_cycle", "power_cycle_in_sessions", "deploy", "destroy"],
)
def test_stopped_at_any_await_it_does_nothing_late_and_all_ends_as_undisturbed(action, more, turn):
    bad, count = found(scenes(action, turn, **more))

    assert not bad
    assert count > 0


@pytest.mark.parametrize("action", ROOMS)
def test_without_being_asked_whether_it_may_act_its_late_act_is_seen(action, monkeypatch):
    async def always():
        return

    monkeypatch.setattr(acting, "may_act", always)
    every = sweep(scenes(action))

    assert any(one.startswith("late") for _, _, bad in every for one in bad)


@pytest.mark.parametrize("action", ROOMS)
def test_without_guarded_writes_what_is_recorded_or_said_twice_is_seen(action):
    every = sweep(scenes(action, is_guarding=False))

    assert any(one.startswith(("said more", "recorded")) for _, _, bad in every for one in bad)


# -- a whole host, whose clocks stand still with it


def paused(action, **more):
    return scenes(action, fate=Fate.LATE, is_paused=True, **more)


def test_of_a_host_that_stood_still_the_device_fence_refuses_what_comes_late():
    bad, count = found(paused("power_cycle_nodes", in_sessions=True))

    assert not bad
    assert count > 0


def test_without_the_device_fence_what_comes_late_is_seen(monkeypatch):
    async def unfenced(step, driver):
        step.take_left()

    monkeypatch.setattr(power_cycle_node, "raise_fence", unfenced)
    every = sweep(paused("power_cycle_nodes", in_sessions=True))

    assert any(one.startswith("late") for _, _, bad in every for one in bad)


@pytest.mark.parametrize("action", ROOMS)
def test_of_a_host_that_stood_still_at_most_one_request_comes_late_where_nothing_fences(action):
    count = 0
    for at, _scene, bad in sweep(paused(action)):
        late = [one for one in bad if one.startswith("late")]
        assert len(late) <= 1, at
        assert bad == late, at
        count = at

    assert count > 0
