"""A job is done in a child with hard limits; whatever becomes of the child is an answer."""

import fcntl
import io
import os
import resource
import signal
import subprocess
import sys
import time

import pytest

from drydockd import apart
from drydockd.apart import Ended, Limits, WorkerFailed, Workers

LIMITS = Limits(seconds=60, memory_bytes=64 << 20, answer_bytes=1000)


def grow():
    try:
        return b"x" * (1 << 30)
    except MemoryError:
        return b"too much"


def open_a_file():
    try:
        os.open("/dev/null", os.O_RDONLY)
    except OSError as error:
        return type(error).__name__.encode()
    return b"opened"


def raise_no_memory():
    raise MemoryError


def test_a_job_is_answered_with_what_its_work_returns():
    assert apart.run(lambda: b"done", LIMITS) == b"done"


@pytest.fixture
def far(monkeypatch):
    """Pipes have large numbers, as in a process with many connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    pipe = os.pipe

    def far_pipe():
        ends = pipe()
        found = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 2000) for end in ends]
        for end in ends:
            os.close(end)
        return found

    monkeypatch.setattr(os, "pipe", far_pipe)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("far")
def test_what_a_child_answers_by_may_have_any_number():
    assert apart.run(lambda: b"done", LIMITS) == b"done"


def test_a_child_has_no_more_memory_and_no_files():
    assert apart.run(grow, LIMITS) == b"too much"
    assert apart.run(open_a_file, LIMITS) == b"OSError"


@pytest.mark.parametrize(
    ("work", "limits", "text"),
    [
        (lambda: b"x" * 1001, LIMITS, "answers with more than 1000 bytes"),
        (lambda: b"", LIMITS, "ended its process without an answer"),
        (raise_no_memory, Limits(60.0, 3 << 20, 1000), "needs more than 3 MiB of memory"),
        (lambda: 1 // 0, LIMITS, "ended its process without an answer"),
        (lambda: time.sleep(600) or b"", Limits(0.1, 1 << 20, 10), "takes longer than 0.1 s"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), LIMITS, "ended its process with SIGKILL"),
        (
            lambda: os.kill(os.getpid(), signal.SIGXCPU),
            LIMITS,
            "uses more than 60 s of processor time",
        ),
    ],
)
def test_how_a_child_ended_is_told(work, limits, text):
    ended = apart.run(work, limits)
    assert isinstance(ended, Ended)
    assert ended.text == text


def test_the_mistake_of_a_child_is_in_the_log(monkeypatch):
    reader, writer = os.pipe()  # it may not write to files
    with open(reader, encoding="utf-8") as read, open(writer, "w", encoding="utf-8") as log:
        monkeypatch.setattr(apart.sys, "stderr", log)
        apart.run(lambda: 1 // 0, LIMITS)
        log.close()
        assert "ZeroDivisionError: integer division" in read.read()


def test_jobs_are_answered_in_order_until_the_input_ends():
    jobs = io.BytesIO(b"".join(apart.framed(job) for job in (b"a", b"", b"c")))
    answers = io.BytesIO()
    apart.serve(jobs, answers, lambda job: job.upper() or b"none")
    assert answers.getvalue() == b"".join(apart.framed(a) for a in (b"A", b"none", b"C"))


@pytest.mark.slow
async def test_a_module_without_a_worker_in_it_fails_and_is_not_kept():
    workers = Workers("drydockd.errors")
    with pytest.raises(WorkerFailed, match="worker failed: "):
        await workers.ask(b"job", seconds=60)
    assert not workers.idle
    assert not workers.busy
    await workers.close()


def test_a_worker_whose_answer_nobody_takes_says_so_in_one_line():
    work = "from drydockd import apart; apart.main(lambda job: job * (1 << 20))"
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer) as answers:
        ended = subprocess.run(
            [sys.executable, "-c", work],
            input=apart.framed(b"x"),
            stdout=answers,
            stderr=subprocess.PIPE,
            timeout=60,
        )
    assert ended.returncode == 0
    assert ended.stderr == b"drydockd worker: ended, nobody is there for its answer\n"


def test_a_worker_lets_the_daemon_go_first():
    work = "import os; from drydockd import apart; apart.main(lambda job: b'%d' % os.nice(0))"
    before = os.nice(0)
    ended = subprocess.run(
        [sys.executable, "-c", work], input=apart.framed(b""), stdout=subprocess.PIPE, timeout=60
    )
    assert ended.stdout == apart.framed(b"%d" % min(19, before + apart.NICE))
