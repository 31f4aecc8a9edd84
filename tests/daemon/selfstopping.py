"""The daemon, as ``python -m drydockd`` is, which stops itself (SIGSTOP) amid a task that it runs.

`order` says at which suspension of the next task, and whether its warden goes on to watch. How
many suspensions a task had that ran to its end is in `counted`. Both are files beside the folders
of the daemons.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from drydockd.__main__ import main
from drydockd.cluster.warden import Warden
from drydockd.tasks.schedule.scheduler import Scheduler
from tests.tasks.stopping import Host, driven

_to_the_end, _live_until = Scheduler._to_the_end, Warden.live_until


def order(folder, *, at, warden):
    """Have the daemon that begins the next task stop itself when it is suspended the `at`th time.

    With `warden` unset its warden is told that it may live for ever.
    """
    file = folder / "next-order.json"
    file.write_text(json.dumps({"at": at, "warden": warden}))
    file.rename(folder / "order.json")


def counted(folder):
    return int((folder / "counted").read_text())


class Own(Host):
    """This process."""

    def stop(self):
        os.kill(os.getpid(), signal.SIGSTOP)


class Unwatched:
    """How Warden is told until when this process may live, while nobody shall kill it."""

    is_unwatched = False

    def live_until(self, warden, moment):
        _live_until(warden, None if self.is_unwatched else moment)


def _take_order(folder):
    """The order is for one task: who takes that over goes on with it."""
    file = folder / "order.json"
    try:
        given = json.loads(file.read_text())
        file.unlink()
    except FileNotFoundError:
        return {"at": None, "warden": True}
    return given


def run():
    folder = Path(sys.argv[sys.argv.index("--config") + 1]).parents[1]
    watching = Unwatched()

    async def to_the_end(scheduler, task, load, was_running):
        given = _take_order(folder)
        lease = scheduler._recorder.authority
        watching.is_unwatched = not given["warden"]
        lease._warden.live_until(lease.valid_until)
        asyncio.get_running_loop().set_task_factory(driven)
        host = Own("this process")
        host.stop_at(given["at"])
        await host.begin(_to_the_end(scheduler, task, load, was_running))
        (folder / "counted").write_text(str(host.steps))

    Scheduler._to_the_end = to_the_end
    Warden.live_until = lambda warden, moment: watching.live_until(warden, moment)
    main()


if __name__ == "__main__":
    run()
