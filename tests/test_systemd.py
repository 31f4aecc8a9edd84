import io
import os
import socket
import subprocess
import sys

import pytest

from drydockd.systemd import Notifier, inherited_sockets, is_journal


@pytest.fixture
def manager(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(5)
        yield listener


def test_states_arrive_as_one_datagram(manager):
    Notifier({"NOTIFY_SOCKET": manager.getsockname()}).say("READY=1", "STATUS=serving")
    assert manager.recv(100) == b"READY=1\nSTATUS=serving"


def test_an_abstract_socket_is_reached():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        name = f"drydockd-test-{os.getpid()}"
        listener.bind(f"\0{name}")
        listener.settimeout(5)
        Notifier({"NOTIFY_SOCKET": f"@{name}"}).say("READY=1")
        assert listener.recv(100) == b"READY=1"


def test_without_a_manager_nothing_is_said_and_nothing_fails(tmp_path):
    Notifier({}).say("READY=1")
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).say("READY=1")


def test_a_sign_of_life_is_due_at_half_the_limit():
    assert Notifier({"WATCHDOG_USEC": "30000000"}).watchdog_seconds == 15
    own = {"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}
    assert Notifier(own).watchdog_seconds == 15


@pytest.mark.parametrize(
    "environ", [{}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "5", "WATCHDOG_PID": "1"}]
)
def test_no_signs_of_life_where_nobody_watches_this_process(environ):
    assert Notifier(environ).watchdog_seconds is None


TAKE = """
import os, sys
from drydockd.systemd import inherited_sockets
os.environ["LISTEN_PID"] = str(os.getpid())
found = inherited_sockets(os.environ)
print({name: [s.getsockname()[1] for s in found[name]] for name in found})
print([n for n in os.environ if n.startswith("LISTEN_")])
"""


@pytest.mark.process
def test_inherited_sockets_are_taken_by_name_and_only_once():
    # Given two listening sockets where a service manager puts them
    with socket.create_server(("127.0.0.1", 0)) as api, socket.create_server(("127.0.0.1", 0)) as n:
        ports = [api.getsockname()[1], n.getsockname()[1]]

        # When a process starts with them as descriptors 3 and 4
        def place() -> None:
            high = [os.dup(api.fileno()), os.dup(n.fileno())]
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        done = subprocess.run(
            [sys.executable, "-c", TAKE],
            env={**os.environ, "LISTEN_FDS": "2", "LISTEN_FDNAMES": "api:nodes"},
            preexec_fn=place,
            close_fds=False,
            capture_output=True,
            text=True,
            check=True,
        )

    # Then it finds them, and its own children will not
    assert done.stdout.splitlines() == [f"{{'api': [{ports[0]}], 'nodes': [{ports[1]}]}}", "[]"]


def test_sockets_for_another_process_are_left_alone():
    assert inherited_sockets({"LISTEN_FDS": "1", "LISTEN_PID": "1"}) == {}
    assert inherited_sockets({}) == {}


def test_the_journal_is_known_by_the_file_behind_the_stream(tmp_path):
    with open(tmp_path / "stream", "w") as stream:
        status = os.fstat(stream.fileno())
        assert is_journal(stream, {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"})
        # A terminal or a file that it was redirected to is another one.
        assert not is_journal(stream, {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino + 1}"})
        assert not is_journal(stream, {})
    assert not is_journal(io.StringIO(), {"JOURNAL_STREAM": "1:2"})
