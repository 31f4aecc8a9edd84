"""The TCP connection of an ssh of ours, which forgets what it could not deliver in time.

ssh cannot tell the kernel how long to go on delivering; left to itself that goes on for minutes,
also for a process that is dead. So this is its ProxyCommand: run as a program, by its path, with
HOST PORT SECONDS, it connects within so many seconds, and relays its standard input and output
until either side ends. It imports nothing of drydockd, as it is started for each call of virsh.
Source: contract, scale, section 6, "Acting"; ssh_config(5), ProxyCommand; tcp(7).
"""

from __future__ import annotations

import os
import socket
import struct
import sys
import threading

PIECE = 65536
# As in acting: off the wire for good once the socket is closed, whoever closes it.
AT_ONCE = struct.pack("ii", 1, 0)


def dial(host: str, port: int, seconds: float) -> socket.socket:
    """Return a connection whose kernel gives up what it could not deliver in `seconds`.

    Raises OSError, also when it does not come about in that time.
    """
    sock = socket.create_connection((host, port), timeout=seconds)
    sock.settimeout(None)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, max(1, int(seconds * 1000)))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
    return sock


def relay(sock: socket.socket, source: int, sink: int) -> None:
    """Copy `source` to `sock` and `sock` to `sink` until one of them ends."""
    is_over = threading.Event()
    ways = (
        threading.Thread(target=_up, args=(sock, source, is_over), daemon=True),
        threading.Thread(target=_down, args=(sock, sink, is_over), daemon=True),
    )
    for way in ways:
        way.start()
    is_over.wait()


def _up(sock: socket.socket, source: int, is_over: threading.Event) -> None:
    try:
        while piece := os.read(source, PIECE):
            sock.sendall(piece)
    except OSError as error:
        _say(error)
    finally:
        is_over.set()


def _down(sock: socket.socket, sink: int, is_over: threading.Event) -> None:
    try:
        while piece := sock.recv(PIECE):
            while piece:
                piece = piece[os.write(sink, piece) :]
    except OSError as error:
        _say(error)
    finally:
        is_over.set()


def _say(error: OSError) -> None:
    # What ssh says itself, as far as it can be told apart; see virsh's `_LASTING`.
    print(f"connection: {error.strerror or error}", file=sys.stderr)  # noqa: T201


def main(host: str, port: str, seconds: str) -> int:
    try:
        sock = dial(host, int(port), float(seconds))
    except OSError as error:
        print(  # noqa: T201
            f"connect to host {host} port {port}: {error.strerror or error}", file=sys.stderr
        )
        return 255
    relay(sock, 0, 1)
    return 0


if __name__ == "__main__":
    # Not sys.exit: a thread that waits in a read must not be waited for.
    os._exit(main(*sys.argv[1:]))
