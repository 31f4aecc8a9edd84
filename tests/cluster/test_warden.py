"""A warden and whom it watches: real processes."""

import contextlib
import os
import select
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

# Says its warden's number, then lives until its input ends.
WATCHED = """
import asyncio, sys, time
from drydockd.cluster.warden import Warden

warden = Warden.fork(look_seconds=0.02)
print(warden.pid, flush=True)
{body}
sys.stdin.read()
"""


@pytest.fixture
def watched():
    """Start a watched process with a `body`; it and its warden's pidfd."""
    started = []

    def start(body="", **options):
        process = subprocess.Popen(
            [sys.executable, "-c", WATCHED.format(body=textwrap.dedent(body))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            **options,
        )
        warden = int(process.stdout.readline())
        pidfd = os.pidfd_open(warden)
        started.append((process, pidfd))
        return process, pidfd

    yield start
    for process, pidfd in started:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        wait_for(pidfd)
        os.close(pidfd)


def has_ended(pidfd, seconds=0):
    """Whether the process has ended, or does within the time; its handle may be any number."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(1000 * seconds))


def wait_for(pidfd):
    assert has_ended(pidfd, 20), "it did not end"


def test_past_its_moment_the_process_is_killed(watched):
    process, warden = watched("warden.live_until(time.monotonic() + 0.05)")

    assert process.wait(20) == -signal.SIGKILL
    wait_for(warden)


def test_a_stopped_process_is_killed_before_it_can_go_on(watched):
    process, _ = watched(
        """
        warden.live_until(time.monotonic() + 0.5)
        print("armed", flush=True)
        """
    )
    assert process.stdout.readline() == "armed\n"
    process.send_signal(signal.SIGSTOP)

    assert process.wait(20) == -signal.SIGKILL


def test_with_more_time_given_it_lives_on(watched):
    process, _ = watched(
        """
        for _ in range(20):
            warden.live_until(time.monotonic() + 5)
            time.sleep(0.002)
        warden.live_until(time.monotonic() + 0.03)
        warden.live_until(None)
        time.sleep(0.1)
        print("alive", flush=True)
        """
    )

    assert process.stdout.readline() == "alive\n"
    process.stdin.close()
    assert process.wait(20) == 0


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_the_process(watched, ending):
    process, warden = watched()

    process.send_signal(ending)

    wait_for(warden)


def test_the_process_is_told_when_its_warden_ends(watched):
    process, warden = watched(
        """
        async def main():
            ended = asyncio.Event()
            warden.guard(ended.set)
            print("guarding", flush=True)
            await ended.wait()
            print("alone", flush=True)

        asyncio.run(main())
        """
    )
    assert process.stdout.readline() == "guarding\n"

    signal.pidfd_send_signal(warden, signal.SIGKILL)

    assert process.stdout.readline() == "alone\n"


def test_a_signal_for_both_does_not_leave_the_process_without_one(watched):
    """As the terminal and the service manager send it: to the whole group."""
    process, warden = watched(
        """
        import signal
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        print("ready", flush=True)
        signal.sigwait({signal.SIGTERM})
        print("told", flush=True)
        """,
        start_new_session=True,
    )
    assert process.stdout.readline() == "ready\n"

    os.killpg(process.pid, signal.SIGTERM)

    assert process.stdout.readline() == "told\n"
    assert not has_ended(warden)


def test_programs_that_speak_for_the_process_die_with_it(watched):
    process, _ = watched(
        """
        import subprocess
        words = [sys.executable, "-c", "import signal; signal.pause()"]
        child = subprocess.Popen(words, start_new_session=True)
        print(child.pid, flush=True)
        sys.stdin.readline()
        warden.live_until(time.monotonic() + 0.05)
        """
    )
    program = os.pidfd_open(int(process.stdout.readline()))
    process.stdin.write("go\n")
    process.stdin.flush()
    try:
        assert process.wait(20) == -signal.SIGKILL
        wait_for(program)
    finally:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(program, signal.SIGKILL)
        os.close(program)


def test_programs_that_speak_for_the_process_die_with_one_that_is_killed(watched):
    process, _ = watched(
        """
        import os, subprocess
        from drydockd import acting

        class Permit: pass

        words = [sys.executable, "-c", "import signal; signal.pause()"]
        with acting.bound(Permit()):
            of_ours = acting.marked(os.environ)
        for environment in (of_ours, os.environ):
            child = subprocess.Popen(words, start_new_session=True, env=environment)
            print(child.pid, flush=True)
        sys.stdin.readline()
        """
    )
    ours, other = (os.pidfd_open(int(process.stdout.readline())) for _ in range(2))
    process.kill()
    try:
        wait_for(ours)
        # What is not the daemon's is left alone.
        assert not has_ended(other)
    finally:
        for program in (ours, other):
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(program, signal.SIGKILL)
            os.close(program)


def test_who_ends_by_itself_leaves_no_program_behind_and_keeps_its_warden(watched):
    process, warden = watched(
        """
        import subprocess
        words = [sys.executable, "-c", "import signal; signal.pause()"]
        child = subprocess.Popen(words, start_new_session=True)
        warden.end_programs()
        print(child.wait(), flush=True)
        """
    )

    assert process.stdout.readline() == f"{-signal.SIGKILL}\n"
    assert not has_ended(warden)


def test_it_holds_no_file_of_the_process_open(watched, tmp_path):
    with (tmp_path / "held").open("w") as held:
        _, warden = watched(pass_fds=(held.fileno(),))
    folder = Path("/proc", _pid_of(warden), "fd")

    until = time.monotonic() + 20
    while any("held" in name for name in _open_in(folder)):
        assert time.monotonic() < until, "it is held open"
        os.sched_yield()


def _open_in(folder):
    for file in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # it is closing them
            yield os.readlink(file)


def _pid_of(pidfd):
    with open(f"/proc/self/fdinfo/{pidfd}") as told:
        return next(line.split()[1] for line in told if line.startswith("Pid:"))


def test_closed_it_is_gone_and_the_process_lives(watched):
    process, warden = watched(
        """
        sys.stdin.readline()
        warden.live_until(time.monotonic() + 3600)
        warden.close()
        warden.close()
        print("closed", flush=True)
        """
    )

    print(file=process.stdin, flush=True)
    assert process.stdout.readline() == "closed\n"
    wait_for(warden)
    process.stdin.close()
    assert process.wait(20) == 0


def test_the_clock_is_one_that_both_have():
    assert time.get_clock_info("monotonic").implementation == "clock_gettime(CLOCK_MONOTONIC)"
