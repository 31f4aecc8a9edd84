"""What systemd and a service say to each other: readiness, watchdog, sockets, the journal.

Source: sd_notify(3), sd_listen_fds(3), sd_watchdog_enabled(3), sd-daemon(3) and systemd.exec(5) on
JOURNAL_STREAM. No library: it is one datagram and a few variables.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, MutableMapping
from typing import TextIO

FIRST_FD = 3
# How many sockets the service manager hands over; absent when it has none.
SOCKETS = "LISTEN_FDS"


class Notifier:
    """Sends state lines to the service manager; silent when there is none."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        self.watchdog_seconds = _watchdog_seconds(environ)

    def say(self, *states: str) -> None:
        """Send ``READY=1``, ``STOPPING=1``, ``WATCHDOG=1``, ``STATUS=...``; lossy by design."""
        if not self._address:
            return
        # A leading @ names an abstract socket.
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.setblocking(False)
            try:
                sender.sendto("\n".join(states).encode(), address)
            except OSError:
                # The manager is gone or its queue is full: nothing here depends on it.
                return


def is_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether what is written to `stream` goes to the journal, which stamps each line itself."""
    device, colon, inode = environ.get("JOURNAL_STREAM", "").partition(":")
    if not colon:
        return False
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):  # a stream without a file, as in tests
        return False
    return (device, inode) == (str(status.st_dev), str(status.st_ino))


def _watchdog_seconds(environ: Mapping[str, str]) -> float | None:
    """Return the pause between signs of life, half the limit; None when not watched."""
    limit, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not limit.isdecimal() or int(limit) == 0 or (pid and pid != str(os.getpid())):
        return None
    return int(limit) / 1_000_000 / 2


def inherited_sockets(environ: MutableMapping[str, str]) -> dict[str, list[socket.socket]]:
    """Take the listening sockets the service manager opened, by their FileDescriptorName=.

    Unnamed ones are called ``unknown``, as systemd does. The variables are removed, so that
    a child process does not take them for its own. Raises OSError if one is not a socket.
    """
    count, pid = environ.pop(SOCKETS, ""), environ.pop("LISTEN_PID", "")
    names = environ.pop("LISTEN_FDNAMES", "").split(":")
    if not count.isdecimal() or pid != str(os.getpid()):
        return {}
    found: dict[str, list[socket.socket]] = {}
    for offset in range(int(count)):
        listener = socket.socket(fileno=FIRST_FD + offset)
        listener.setblocking(False)
        listener.set_inheritable(False)
        name = names[offset] if offset < len(names) and names[offset] else "unknown"
        found.setdefault(name, []).append(listener)
    return found
