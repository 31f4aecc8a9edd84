"""Who runs the tasks is said when it changes; one that runs them is killed every second time."""

import asyncio
import io
import random
import signal

from rich.console import Console

from drydockd.cli.lab_daemons import Daemon, Daemons
from drydockd.cli.lab_members import Watch, chaos, show_members
from drydockd.store.postgres.standing import Standing


def members(runner=None, *, count=3):
    return [
        Standing(f"daemon-{n}", f"http://127.0.0.1:900{n}", "1", n == runner, 7, 0, 0.4)
        for n in range(1, count + 1)
    ]


def test_a_take_over_is_said_once_with_how_long_nobody_ran_the_tasks():
    said = []
    watch = Watch("", said.append)
    for runner in (None, 1, 1, None, None, 3, 3):
        watch.saw(members(runner))
    assert said[0] == "daemon-1 runs the tasks"
    assert said[1].startswith("daemon-3 took over from daemon-1, 0.")
    assert (len(said), watch.takeovers, watch.runner) == (2, 1, "daemon-3")


def test_one_that_takes_its_own_lease_again_has_not_taken_over():
    said = []
    watch = Watch("", said.append)
    for runner in (1, None, 1):
        watch.saw(members(runner))
    assert (said, watch.takeovers) == (["daemon-1 runs the tasks"], 0)


def test_a_hand_over_leaves_nobody_waiting():
    said = []
    watch = Watch("", said.append)
    watch.saw(members(1))
    watch.saw(members(2))
    assert said[1] == "daemon-2 took over from daemon-1"


class Killed(Daemon):
    """One whose process is a list of the signals it got, and that is back at once."""

    def send(self, number):
        self.process.append((self.name, number))
        self.ready.set()


async def test_every_second_kill_is_of_who_runs_the_tasks(tmp_path):
    sent, enough = [], asyncio.Event()

    def say(text):
        if len(sent) == 6:
            enough.set()

    all_of_them = [Killed(f"daemon-{n}", tmp_path, 0, process=sent) for n in (1, 2, 3)]
    for daemon in all_of_them:
        daemon.ready.set()
    watch = Watch("", say)
    watch.saw(members(2))
    work = asyncio.ensure_future(
        chaos(Daemons(all_of_them, say=say), watch, chance=random.Random(1), pause=(0, 0))
    )
    await enough.wait()
    work.cancel()
    names = [name for name, _ in sent]
    assert names[0::2] == ["daemon-2"] * len(names[0::2])
    assert "daemon-2" not in names[1::2]
    assert {number for _, number in sent} == {signal.SIGKILL}


async def test_nobody_is_killed_while_one_is_away(tmp_path):
    sent = []
    all_of_them = [Killed(f"daemon-{n}", tmp_path, 0, process=sent) for n in (1, 2)]
    all_of_them[0].ready.set()
    watch = Watch("", print)
    work = asyncio.ensure_future(
        chaos(Daemons(all_of_them), watch, chance=random.Random(1), pause=(0, 0))
    )
    for _ in range(10):
        await asyncio.sleep(0)
    assert not sent
    work.cancel()


def test_the_table_names_who_runs_the_tasks():
    text = io.StringIO()
    show_members(members(2), 4, Console(file=text, width=120))
    rows = {line.split()[1]: line for line in text.getvalue().splitlines() if "http" in line}
    assert "yes" in rows["daemon-2"]
    assert "yes" not in rows["daemon-1"]
    assert "4 take-overs" in text.getvalue()
