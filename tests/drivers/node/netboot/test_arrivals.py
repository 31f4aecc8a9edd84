"""Through which interface a connection came: two real cables from two other networks."""

import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from drydockd.drivers.node.netboot.arrivals import interface_of, is_told

BOOT, API = "10.20.0.1", "10.30.0.1"
KNOCK = "import socket, sys; socket.create_connection((sys.argv[1], {port}), 10, (sys.argv[2], 0))"


@pytest.mark.parametrize(
    ("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
)
def test_a_connection_of_the_host_to_itself_came_through_lo(family, address):
    try:
        listener = socket.create_server((address, 0), family=family)
    except OSError:
        pytest.skip(f"no {address} here")
    with listener, socket.create_connection(listener.getsockname()[:2]):
        connection, _ = listener.accept()
        with connection:
            assert interface_of(connection) == "lo"
    assert is_told()


def test_what_is_no_connection_came_through_none():
    with socket.socket(socket.AF_UNIX) as other:
        assert interface_of(other) is None
    with socket.socket() as unconnected:
        assert interface_of(unconnected) is None


@pytest.mark.process
@pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace of its own needs root")
def test_2_who_comes_through_another_interface_is_told_apart_whatever_its_address():
    """In a network of its own: see `main`."""
    done = subprocess.run(
        ["unshare", "-n", sys.executable, "-m", __spec__.name], capture_output=True, text=True,
        cwd=Path(__file__).parents[4], timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "to 10.20.0.1 from 10.20.0.7: boot0",
        "to 10.30.0.1 from 10.20.0.7: boot0",
        "to 10.30.0.1 from 10.30.0.7: api0",
        # Not of the boot network, but with the address of a machine there.
        "to 10.20.0.1 from 10.30.0.7: api0",
        "to 10.20.0.1 from 10.20.0.8: api0",
    ]


def main():
    """Two cables, `boot0` and `api0`, each to a network that knows the way to both addresses."""
    with ExitStack() as ending, socket.create_server(("0.0.0.0", 0)) as listener:
        run("ip", "link", "set", "lo", "up")
        boot = network(ending, "boot0", f"{BOOT}/24", "10.20.0.7/24", API)
        api = network(ending, "api0", f"{API}/24", "10.30.0.7/24", BOOT)
        # Its way back leads over its own cable: who forges an address has seen to that.
        run(*api, "ip", "address", "add", "10.20.0.8/32", "dev", "peer")
        run("ip", "route", "add", "10.20.0.8/32", "dev", "api0")
        port = listener.getsockname()[1]
        for there, to, source in ((boot, BOOT, "10.20.0.7"), (boot, API, "10.20.0.7"),
                                  (api, API, "10.30.0.7"), (api, BOOT, "10.30.0.7"),
                                  (api, BOOT, "10.20.0.8")):  # fmt: skip
            knocking = subprocess.Popen(
                [*there, sys.executable, "-c", KNOCK.format(port=port), to, source]
            )
            listener.settimeout(20)
            connection, (peer, _) = listener.accept()
            with connection:
                print(f"to {to} from {peer}: {interface_of(connection)}")
            assert knocking.wait() == 0


def network(ending, name, mine, theirs, beyond):
    """A second network at the other end of a cable; return how to run something there."""
    other = subprocess.Popen(["unshare", "-n", "sleep", "60"])
    ending.callback(other.wait)
    ending.callback(other.kill)
    while os.readlink(f"/proc/{other.pid}/ns/net") == os.readlink("/proc/self/ns/net"):
        os.sched_yield()  # another process says nothing to wait for
    there = ("nsenter", "-t", str(other.pid), "-n")
    cable = ("ip", "link", "add", name, "type", "veth", "peer", "name", "peer", "netns")
    run(*cable, str(other.pid))
    run("ip", "link", "set", name, "up")
    run("ip", "address", "add", mine, "dev", name)
    run(*there, "ip", "link", "set", "peer", "up")
    run(*there, "ip", "address", "add", theirs, "dev", "peer")
    run(*there, "ip", "route", "add", f"{beyond}/32", "via", mine.partition("/")[0])
    return there


def run(*command):
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
