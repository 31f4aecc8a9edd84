"""Programs that hang, die, say too much; and what of it the log keeps."""

import os
import time

import pytest

from drydockd.agent.install import programs as module
from drydockd.agent.install.programs import Journal, Programs, ToolFailed
from tests.agent.install.rig import quiet


@pytest.fixture
def journal():
    return quiet()


@pytest.fixture
def programs(journal):
    return Programs(journal)


def test_output_is_returned_and_the_command_is_in_the_log(programs, journal):
    assert programs.run("cat", given="hello\n") == "hello\n"
    assert "$ cat\n" in journal.text()
    assert "hello" in journal.text()


def test_a_secret_is_not_in_the_log(programs, journal):
    assert programs.run("cat", given="pass", secret=True) == "pass"
    assert "pass" not in journal.text()


def test_a_failure_has_command_status_and_last_line(programs, journal):
    with pytest.raises(ToolFailed, match=r"sh -c .*: exit status 3: two"):
        programs.run("sh", "-c", "echo one >&2; echo two >&2; exit 3")
    assert "one\ntwo" in journal.text()


def test_what_may_fail_is_said_and_no_more(programs, journal):
    assert programs.run("no-such-program", may_fail=True) == ""
    assert "No such file" in journal.text()
    programs.run("sh", "-c", "echo oh >&2; exit 1", may_fail=True)
    assert "oh" in journal.text()


def test_a_program_that_is_not_there(programs):
    with pytest.raises(ToolFailed, match=r"no-such-program -x: .*No such file"):
        programs.run("no-such-program", "-x")


def test_a_hung_program_ends_by_its_time_with_its_children(programs, tmp_path):
    pid_file = tmp_path / "pid"
    began = time.monotonic()
    with pytest.raises(ToolFailed, match=r"not done after 0\.5 s, killed"):
        programs.run("sh", "-c", f"sleep 60 & echo $! > {pid_file}; wait", seconds=0.5)
    assert time.monotonic() - began < 5
    pid = int(pid_file.read_text())
    state = ""
    if os.path.exists(f"/proc/{pid}/stat"):
        with open(f"/proc/{pid}/stat") as stat:
            state = stat.read().rpartition(")")[2].split()[0]
    assert state in ("", "Z", "X")


def test_the_log_keeps_the_newest_and_is_bounded():
    journal = quiet()
    for number in range(3000):
        journal.say(f"{number} " + "x" * 1000)
    assert len(journal.text().encode()) <= module.LONGEST_LOG
    assert "2999 " in journal.text()
    assert " 0 x" not in journal.text()


def test_one_long_line_is_cut_and_what_a_console_obeys_is_not_shown():
    shown = []
    journal = Journal(shown.append)
    journal.say("a" * 5_000_000 + "\x1b[2Jend\udc80")
    assert len(journal.text()) < module.LONGEST_OUTPUT + 100
    assert shown[0].endswith("?[2Jend?")


def test_a_pipeline_carries_all(programs, tmp_path):
    out = tmp_path / "out"
    programs.pipe([["cat"], ["sh", "-c", f"cat > {out}"]], lambda write: write(b"x" * 1_000_000))
    assert out.stat().st_size == 1_000_000


def fed(write):
    for _ in range(100):
        write(b"x" * 100_000)


def test_the_reader_dies(programs):
    with pytest.raises(ToolFailed, match=r"sh -c .*: exit status 7: disk full"):
        programs.pipe([["cat"], ["sh", "-c", "echo disk full >&2; exit 7"]], fed)


def test_the_first_program_dies(programs):
    with pytest.raises(ToolFailed, match="false: exit status 1"):
        programs.pipe([["false"], ["cat"]], fed)


def test_a_first_program_that_reads_no_more_and_is_content(programs):
    with pytest.raises(ToolFailed, match="the pipeline ended early"):
        programs.pipe([["true"], ["cat"]], fed)


def test_what_feeds_dies_and_no_program_stays(programs, tmp_path):
    pid = tmp_path / "pid"

    def feed(write):
        write(b"x")
        raise ValueError("cut")

    with pytest.raises(ValueError, match="cut"):
        programs.pipe([["sh", "-c", f"echo $$ > {pid}; exec cat"], ["cat"]], feed)
    assert (
        not pid.exists()
        or not pid.read_text()
        or not os.path.exists(f"/proc/{int(pid.read_text())}")
    )


def test_a_program_that_is_not_there_leaves_no_other_running(programs):
    with pytest.raises(ToolFailed, match="no-such-program"):
        programs.pipe([["cat"], ["no-such-program"]], fed)


def test_a_program_that_says_much_does_not_stop_the_pipeline(programs, journal):
    """Read at the end through a pipe, it would have waited for ever at 64 KiB."""
    noisy = "yes complaint | head -c 1000000 >&2; cat >/dev/null"
    programs.pipe([["cat"], ["sh", "-c", noisy]], fed, seconds=30)
    assert "complaint" in journal.text()
    assert len(journal.text()) < 70_000


def test_a_hung_pipeline_ends_by_its_time(programs):
    with pytest.raises(ToolFailed, match=r"not done after 0\.5 s, killed"):
        programs.pipe([["sleep", "60"], ["cat"]], fed, seconds=0.5)
