"""The reporter as a node runs it: a file of its own, against a real server."""

import ast
import asyncio
import errno
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from drydockd.agent import reporter
from drydockd.agent.reporter import UsageError, parse_flags, proxies_for
from drydockd.model import BootActionStatus
from tests.client.helpers import serving
from tests.handlers.helpers import REF, daemon
from tests.peers.keystone import free_port

pytestmark = pytest.mark.process

ID = "01CBMC5DFR041061050R3GG2D0"
PATH = f"/api/v1.0/bootactions/{ID}/"
KEY = "ab" * 32
OK = (200, {})


@pytest.fixture
def server():
    with serving() as found:
        found.answers[f"POST {PATH}"] = OK
        yield found


def report(server, *arguments, env=None, url=True, run=(reporter.__file__,)):
    where = ["-url", f"{server.url}/api/v1.0/bootactions"] if url else []
    return subprocess.run(
        [sys.executable, "-I", *run, *where, *arguments],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin"} | (env or {}),
        check=False,
    )


def posted(server):
    return [asked.json for asked in server.asked]


@pytest.mark.parametrize(
    ("flags", "error", "status"),
    [
        ((), False, None),
        (("-e",), True, None),
        (("-s",), False, "success"),
        (("--s=true",), False, "success"),
        (("-f", "-s", "-e"), True, "failure"),
        (("-s=false",), False, None),
    ],
)
def test_a_report_is_one_detail_and_the_status_asked_for(server, flags, error, status):
    done = report(server, "-id", ID, "-key", KEY, "-msg", "it is dönè", *flags)
    assert (done.returncode, done.stdout, done.stderr) == (0, "Bootaction status posted.\n", "")
    (asked,) = server.asked
    expected = {"details": [{"message": "it is dönè", "error": error}]}
    assert asked.json == (expected | {"status": status} if status else expected)
    assert asked.headers["Content-Type"] == "application/json"
    assert asked.headers["X-Bootaction-Key"] == KEY


def test_it_runs_as_a_module_too(server):
    done = report(server, "-id", ID, "-key", KEY, "-msg", "m", run=("-m", "drydockd.agent"))
    assert done.returncode == 0, done.stderr


def test_a_url_that_ends_in_a_slash_gives_one_slash(server):
    url = f"{server.url}/api/v1.0/bootactions//"
    done = report(server, "-url", url, "-id", ID, "-key", KEY, "-msg", "m", url=False)
    assert done.returncode == 0
    assert server.asked[0].path == PATH


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("-key", KEY, "-msg", "m"), "A boot action id is required: -id."),
        (("-id", ID, "-msg", "m"), "A boot action key is required"),
        (("-id", ID, "-key", KEY), "A message is required: -msg."),
        (("-id", ID, "-key", KEY, "-exec", "true"), "A message is required: -msg."),
        (("-id", ID, "-keyfile", "/nowhere", "-msg", "m"), "The key file cannot be read"),
        (("-id", ID, "-key", "a\nb", "-msg", "m"), "characters that no key has"),
    ],
)
def test_what_is_missing_is_said_on_standard_output_with_status_2(server, arguments, text):
    done = report(server, *arguments)
    assert (done.returncode, done.stderr) == (2, "")
    assert text in done.stdout
    assert server.asked == []


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("-nope",), "flag provided but not defined: -nope"),
        (("-msg",), "flag needs an argument: -msg"),
        (("-e=maybe",), 'invalid boolean value "maybe" for -e'),
    ],
)
def test_a_bad_flag_is_said_on_standard_error_with_the_help_and_status_2(server, arguments, text):
    done = report(server, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert text in done.stderr
    assert "Usage of" in done.stderr


def test_help_goes_to_standard_error_with_status_0(server):
    done = report(server, "-h")
    assert (done.returncode, done.stdout) == (0, "")
    for name in reporter.FLAGS:
        assert f"  -{name}" in done.stderr


@pytest.mark.parametrize("content", [KEY, KEY + "\n", f" {KEY}\r\nsecond line\n"])
def test_a_key_file_may_lack_its_newline(server, tmp_path, content):
    (tmp_path / "key").write_text(content, newline="")
    done = report(server, "-id", ID, "-keyfile", str(tmp_path / "key"), "-msg", "m")
    assert done.returncode == 0, done.stdout
    assert server.asked[0].headers["X-Bootaction-Key"] == KEY


def test_the_environment_goes_before_the_flag_and_both_before_the_file(server, tmp_path):
    (tmp_path / "key").write_text("from-file")
    flags = ("-id", ID, "-msg", "m", "-key", "from-flag", "-keyfile", str(tmp_path / "key"))
    report(server, *flags, env={"BOOTACTION_KEY": "from-environment"})
    report(server, *flags)
    keys = [asked.headers["X-Bootaction-Key"] for asked in server.asked]
    assert keys == ["from-environment", "from-flag"]


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ((403, {}), "Error response: 403 Forbidden\n"),
        ((409, {}), "Error response: 409 Conflict\n"),
        ((500, b""), "Error response: 500 Internal Server Error\n"),
        ((301, b"", {"Location": "http://other.example/"}), "redirected to another host"),
        ((307, b"", {"Location": PATH}), "redirected too often"),
    ],
)
def test_a_report_that_does_not_arrive_is_status_1(server, answer, text):
    server.answers[f"POST {PATH}"] = answer
    done = report(server, "-id", ID, "-key", KEY, "-msg", "m", "-s")
    assert (done.returncode, done.stdout) == (1, "")
    assert text in done.stderr
    assert KEY not in done.stderr


def test_no_url_or_nobody_there_is_status_1(server):
    flags = ("-id", ID, "-key", KEY, "-msg", "m")
    assert report(server, *flags, url=False).returncode == 1
    done = report(server, "-url", "http://127.0.0.1:1", *flags, "-retry", "0", url=False)
    assert done.returncode == 1
    assert "http://127.0.0.1:1/" in done.stderr
    done = report(server, "-url", "nonsense", *flags, url=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_posted_again_and_not_fetched(server, status):
    server.answers[f"POST {PATH}"] = (status, b"", {"Location": "/elsewhere"})
    server.answers["POST /elsewhere"] = OK
    assert report(server, "-id", ID, "-key", KEY, "-msg", "m").returncode == 0
    first, second = server.asked
    assert first.json == second.json


WRAP = ("-id", ID, "-key", KEY, "-msg", "unused")
START = {"details": [{"message": "Bootaction starting execution.", "error": False}]}
SUCCESS = {
    "details": [{"message": "Bootaction execution successful.", "error": False}],
    "status": "success",
}
FAILURE = {
    "details": [{"message": "Bootaction execution failed.", "error": True}],
    "status": "failure",
}


@pytest.mark.parametrize(
    ("command", "end", "code"),
    [
        ("true", SUCCESS, 0),
        ("false", FAILURE, 1),
        ("/no/such/command", FAILURE, 127),
        ("kill-me", FAILURE, 137),
    ],
)
def test_a_wrapped_command_is_reported_at_start_and_end(server, tmp_path, command, end, code):
    if command == "kill-me":
        script = tmp_path / "kill-me"
        script.write_text("#!/bin/sh\nkill -9 $$\n")
        script.chmod(0o700)
        command = str(script)
    plain = report(server, *WRAP, "-exec", command)
    assert (plain.returncode, plain.stdout, plain.stderr) == (0, "", "")
    assert posted(server) == [START, end]
    assert report(server, *WRAP, "-exec", command, "-exitcode").returncode == code


def test_a_command_does_not_run_when_its_start_cannot_be_reported(server, tmp_path):
    server.answers[f"POST {PATH}"] = (403, {})
    done = report(server, *WRAP, "-exec", f"touch {tmp_path}/ran", "-exitcode")
    assert done.returncode == 1
    assert not (tmp_path / "ran").exists()


def test_a_command_is_split_at_single_blanks_and_its_output_is_discarded(server, tmp_path):
    script = tmp_path / "show"
    script.write_text(f'#!/bin/sh\nprintf "[%s]" "$@" > {tmp_path}/args\necho out; echo err >&2\n')
    script.chmod(0o700)
    done = report(server, *WRAP, "-exec", f"{script} a  'b c'")
    assert (done.stdout, done.stderr) == ("", "")
    assert (tmp_path / "args").read_text() == "[a][]['b][c']"


@pytest.mark.parametrize(("flags", "seen"), [((), "yes"), (("-np",), "no")])
def test_the_environment_is_inherited_unless_np(server, tmp_path, flags, seen):
    script = tmp_path / "env"
    script.write_text(f"#!/bin/sh\necho ${{MARK-no}} > {tmp_path}/seen\n")
    script.chmod(0o700)
    report(server, *WRAP, "-exec", str(script), *flags, env={"MARK": "yes"})
    assert (tmp_path / "seen").read_text() == f"{seen}\n"


def test_a_final_report_that_fails_is_status_1(server):
    server.answers[f"POST {PATH}"] = [OK, (500, {})]
    assert report(server, *WRAP, "-exec", "true", "-exitcode").returncode == 1


def test_flags_end_at_the_first_other_argument():
    assert parse_flags(["-e", "--msg=a=b", "-id", "-x", "rest", "-s"]) == {
        "e": "true",
        "msg": "a=b",
        "id": "-x",
    }
    assert parse_flags(["-e", "--", "-s"]) == {"e": "true"}
    assert parse_flags(["-", "-s"]) == {}
    with pytest.raises(UsageError):
        parse_flags(["---e"])


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy"])
def test_a_proxy_is_used_but_never_for_this_machine_or_what_is_exempt(monkeypatch, variable):
    for name in ("HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "10.0.0.0/8, .inside.example,odd/9")
    assert proxies_for("http://drydock.example/")["http"] == "http://proxy.example:3128"
    assert proxies_for("http://11.1.2.3/")
    for url in (
        "http://localhost:9000/",
        "http://127.0.0.1/",
        "http://[::1]:9000/",
        "http://10.1.2.3/",
        "http://api.inside.example/",
    ):
        assert proxies_for(url) == {}


def test_a_report_goes_through_the_proxy(server):
    server.answers[f"POST {PATH}"] = OK
    done = report(
        server, "-url", "http://drydock.invalid/api/v1.0/bootactions", "-id", ID, "-key", KEY,
        "-msg", "m", url=False, env={"http_proxy": server.url},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert server.asked[0].target == f"http://drydock.invalid{PATH}"


def late(monkeypatch, begin):
    """Count the pauses; after the third `begin` is called. Nothing really waits."""
    pauses, now = [], [0.0]

    def sleep(seconds):
        pauses.append(seconds)
        now[0] += seconds
        if len(pauses) == 3:
            begin()

    clock = SimpleNamespace(sleep=sleep, monotonic=lambda: now[0])
    monkeypatch.setattr(reporter, "time", clock)
    monkeypatch.delenv("BOOTACTION_KEY", raising=False)
    return pauses


def test_a_refused_connection_is_tried_again_until_somebody_is_there(monkeypatch, capsys, server):
    port = free_port()
    reached = []

    def begin():
        send = reporter.Reporter._send

        def to_the_server(self, body):
            self.target = self.target.replace(f":{port}/", f":{server.port}/")
            reached.append(self.target)
            send(self, body)

        monkeypatch.setattr(reporter.Reporter, "_send", to_the_server)

    pauses = late(monkeypatch, begin)
    url = f"http://127.0.0.1:{port}/api/v1.0/bootactions"
    assert reporter.main(["-url", url, "-id", ID, "-key", KEY, "-msg", "m"]) == 0
    assert pauses == [1, 2, 4]
    assert len(server.asked) == 1
    assert capsys.readouterr().out == "Bootaction status posted.\n"


def test_a_connection_refused_for_a_minute_is_status_1(monkeypatch, capsys):
    pauses = late(monkeypatch, lambda: None)
    url = f"http://127.0.0.1:{free_port()}"
    assert reporter.main(["-url", url, "-id", ID, "-key", KEY, "-msg", "m"]) == 1
    assert 50 <= sum(pauses) <= 60
    assert "Connection refused" in capsys.readouterr().err


def test_a_command_waits_for_somebody_to_be_told_of_its_start(monkeypatch, server, tmp_path):
    pauses = late(monkeypatch, lambda: None)
    url = f"http://127.0.0.1:{free_port()}"
    command = ["-exec", f"touch {tmp_path}/ran", "-retry", "5"]
    assert reporter.main(["-url", url, *WRAP, *command]) == 1
    assert pauses == [1, 2]
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("reason", "again"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), True),
        (OSError(errno.ENETUNREACH, "x"), True),
        (OSError(errno.EHOSTUNREACH, "x"), True),
        (socket.gaierror(socket.EAI_AGAIN, "x"), True),
        (socket.gaierror(socket.EAI_NONAME, "x"), False),
        (ConnectionResetError(errno.ECONNRESET, "x"), False),
        (TimeoutError("x"), False),
        ("text", False),
    ],
)
def test_only_who_got_nothing_is_asked_again(reason, again):
    assert reporter.is_not_yet(reason) is again


def test_an_answer_is_never_asked_for_twice(monkeypatch, server):
    pauses = late(monkeypatch, lambda: None)
    server.answers[f"POST {PATH}"] = (503, {})
    url = f"{server.url}/api/v1.0/bootactions"
    assert reporter.main(["-url", url, "-id", ID, "-key", KEY, "-msg", "m"]) == 1
    assert (len(server.asked), pauses) == (1, [])


@pytest.mark.parametrize("value", ["-1", "soon", "", "1.5"])
def test_a_patience_that_is_no_number_is_wrong_usage(server, value):
    done = report(server, "-id", ID, "-key", KEY, "-msg", "m", f"-retry={value}")
    assert (done.returncode, done.stdout) == (2, "")
    assert f'invalid value "{value}" for flag -retry' in done.stderr


def test_a_server_that_never_answers_is_given_up(monkeypatch, capsys):
    monkeypatch.setattr(reporter, "TIMEOUT_SECONDS", 1)
    monkeypatch.delenv("BOOTACTION_KEY", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert reporter.main(["-url", url, "-id", ID, "-key", KEY, "-msg", "m"]) == 1
    err = capsys.readouterr().err
    assert "no answer within 1 s" in err or "timed out" in err


def test_the_file_is_all_there_is_and_runs_on_old_pythons():
    source = Path(reporter.__file__).read_text(encoding="utf-8")
    tree = ast.parse(source, feature_version=(3, 6))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module]
        )
    }
    assert imported <= set(sys.stdlib_module_names)
    assert "__future__" not in imported


async def test_a_real_daemon_takes_the_reports_until_the_final_one(tmp_path):
    async with daemon(tmp_path) as running:
        site = (await running.app.services.designs.load(REF)).site
        node = next(n for n in site.nodes if any(a.signaling for a in site.bootactions_of(n)))
        deployed = await running.deployed(node)
        name = next(a.name for a in site.bootactions_of(node) if a.signaling)
        action = deployed.actions[name]

        async def run(*arguments, key=deployed.action_keys[name]):
            url = f"{running.app.url}/api/v1.0/bootactions/"
            flags = ("-url", url, "-id", action.action_id, "-msg", "m", *arguments)
            call = [sys.executable, reporter.__file__, *flags]
            return await asyncio.to_thread(
                subprocess.run, call, capture_output=True, text=True, env={"BOOTACTION_KEY": key}
            )

        assert (await run()).returncode == 0
        assert (await run("-exec", "/bin/true")).returncode == 0
        stored = running.app.services.store.boot_action(action.action_id)
        assert stored.status is BootActionStatus.SUCCESS
        late = await run("-s")
        assert (late.returncode, late.stderr) == (1, "Error response: 409 Conflict\n")
        stranger = await run(key="0" * 64)
        assert (stranger.returncode, stranger.stderr) == (1, "Error response: 403 Forbidden\n")
