"""How a task goes that is waited for, on standard error: the task itself is the output."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from drydockd.cli.task_watch import Watched

if TYPE_CHECKING:
    from drydockd.api.task import Task
    from drydockd.client import Client

_CLEAR = "\r\x1b[2K"


@contextmanager
def shown(client: Client, task: Task, stream: TextIO | None = None) -> Iterator[None]:
    """Show how `task` goes until the block ends: on a terminal in one line, else line by line.

    It is followed in a thread beside the one that waits, and whatever becomes of the events, the
    waiting goes on.
    """
    stream = stream or sys.stderr
    view = Watched(task.task_id, task.action, task.created)
    over = threading.Event()
    follower = threading.Thread(
        target=_follow, args=(client, view, stream, over), name="progress", daemon=True
    )
    follower.start()
    try:
        yield
    finally:
        # The events end with the task; who gives up before does not wait for the next of them.
        follower.join(_LAST_SECONDS)
        over.set()
        if stream.isatty():
            stream.write(_CLEAR)
            stream.flush()


# So long the last events may take after the end of the task was told.
_LAST_SECONDS = 2.0


def _follow(client: Client, view: Watched, stream: TextIO, over: threading.Event) -> None:
    from drydockd.client import ClientError

    is_terminal = stream.isatty()
    try:
        for event in client.watch_task(view.task_id):
            lines = list(view.heard(event.data))
            if over.is_set():
                return
            if is_terminal:
                width = shutil.get_terminal_size().columns
                stream.write(_CLEAR + view.line()[: width - 1])
            else:
                stream.writelines(f"{line}\n" for line in lines)
            stream.flush()
    except ClientError as error:
        if not over.is_set():
            stream.write(f"its events cannot be followed: {error}\n")
