#!/usr/bin/env python3
"""Report on a boot action from the node itself, or run a command and report how it ended.

One file, standard library only, Python 3.6 or newer: copy it to a node as it is. Flags, texts
and exit status are those of ``baclient``; source: contract, bootactions, section 7.

Exit status: 0 posted, 1 not posted (the reason is on standard error), 2 wrong usage. With
``-exec`` the status says whether the report arrived, not how the command ended; with
``-exitcode`` in addition it is the command's own, once the report arrived.
"""

import errno
import ipaddress
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPException

POSTED, NOT_POSTED, WRONG_USAGE = 0, 1, 2
TIMEOUT_SECONDS = 60
MOST_REDIRECTS = 10
LONGEST_PAUSE_SECONDS = 10
# Nobody got anything: a daemon that starts anew, a network that is not up yet.
NOT_YET = (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH)

# Name -> (takes a value, help).
FLAGS = {
    "url": (True, "URL of the API's boot action resource"),
    "id": (True, "id of the boot action"),
    "key": (True, "key of the boot action, hexadecimal (BOOTACTION_KEY goes before it)"),
    "keyfile": (True, "file whose first line is the key, read if no key is given"),
    "msg": (True, "the message to report"),
    "e": (False, "the message tells of an error"),
    "s": (False, "final: the boot action succeeded"),
    "f": (False, "final: the boot action failed (goes before -s)"),
    "exec": (True, "run this command, split at single blanks, and report how it ends"),
    "np": (False, "with -exec: give the command an empty environment"),
    "retry": (True, "seconds in which a refused connection is tried again; 0: not (default 60)"),
    "exitcode": (False, "with -exec: leave with the command's exit status"),
    "h": (False, "print this help"),
}
TRUE = ("1", "t", "T", "true", "TRUE", "True")
FALSE = ("0", "f", "F", "false", "FALSE", "False")


class UsageError(Exception):
    """The arguments are wrong; `to_stderr` says where ``baclient`` writes such a text."""

    def __init__(self, text: str, to_stderr: bool = False) -> None:
        super().__init__(text)
        self.to_stderr = to_stderr


class PostError(Exception):
    """The report did not arrive."""


def parse_flags(arguments: "list[str]") -> "dict[str, str]":
    """Return the flags given, those without a value as ``true`` or ``false``.

    As Go's flag package: one dash or two, ``-x=value`` or ``-x value``, the first other
    argument ends them. Raises UsageError.
    """
    found = {}  # type: dict[str, str]
    left = list(arguments)
    while left and left[0].startswith("-") and len(left[0]) > 1:
        argument = left.pop(0)
        if argument == "--":
            break
        name, equals, value = argument.lstrip("-").partition("=")
        if name not in FLAGS or argument.startswith("---"):
            raise UsageError("flag provided but not defined: -" + name, to_stderr=True)
        if FLAGS[name][0]:
            if not equals:
                if not left:
                    raise UsageError("flag needs an argument: -" + name, to_stderr=True)
                value = left.pop(0)
            found[name] = value
            continue
        if equals and value not in TRUE + FALSE:
            raise UsageError(f'invalid boolean value "{value}" for -{name}', to_stderr=True)
        found[name] = "false" if value in FALSE else "true"
    return found


def is_set(flags: "dict[str, str]", name: str) -> bool:
    return flags.get(name) == "true"


def key_from(flags: "dict[str, str]") -> str:
    """Return the key from environment, flag or file. Raises UsageError."""
    key = (os.environ.get("BOOTACTION_KEY") or flags.get("key", "")).strip()
    path = flags.get("keyfile", "")
    if not key and path:
        key = _first_line(path)
    if not key:
        raise UsageError("A boot action key is required: -key, -keyfile or BOOTACTION_KEY.")
    if any(c <= " " or c > "~" for c in key):
        # Refused here: a failing HTTP library would print it.
        raise UsageError("The boot action key has characters that no key has.")
    return key


def _first_line(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as keyfile:
            key = keyfile.readline().strip()
    except OSError as error:
        raise UsageError(f"The key file cannot be read: {error}") from error
    if not key:
        raise UsageError(f"The key file {path} is empty.")
    return key


class Reporter:
    """Posts to one boot action."""

    def __init__(self, url: str, action_id: str, key: str, patience: int = 0) -> None:
        # The original adds a slash even to a URL that ends in one; the server takes both.
        self.target = "{}/{}/".format(url.rstrip("/"), urllib.parse.quote(action_id, safe=""))
        self.key = key
        self.has_url = bool(url)
        self.patience = patience

    def post(self, message: str, error: bool, status: str = "") -> None:
        """Post one detail and, if given, the final status. Raises PostError.

        Whoever refuses the connection got nothing and is asked again; nothing else is repeated.
        """
        if not self.has_url:
            raise PostError("no -url given")
        body = {"details": [{"message": message, "error": error}]}  # type: dict[str, object]
        if status:
            body["status"] = status
        content = json.dumps(body).encode("utf-8")
        try:
            self._send_patiently(content)
        except urllib.error.HTTPError as answer:
            raise PostError(f"Error response: {answer.code} {answer.reason}") from None
        except urllib.error.URLError as problem:
            raise PostError(f"{self.target}: {problem.reason}") from None
        except (OSError, HTTPException, ValueError) as problem:
            raise PostError(f"{self.target}: {problem}") from None

    def _send_patiently(self, body: bytes) -> None:
        until = time.monotonic() + self.patience
        pause = 1
        while True:
            try:
                with _Alarm(TIMEOUT_SECONDS):
                    self._send(body)
                return
            except urllib.error.HTTPError:
                raise
            except urllib.error.URLError as problem:
                if not is_not_yet(problem.reason) or time.monotonic() + pause > until:
                    raise
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _send(self, body: bytes) -> None:
        target = self.target
        for _ in range(MOST_REDIRECTS):
            host = urllib.parse.urlsplit(target).hostname
            opener = urllib.request.build_opener(
                urllib.request.ProxyHandler(proxies_for(target)), _NoRedirect
            )
            request = urllib.request.Request(  # noqa: S310, whatever URL the operator gave
                target,
                data=body,
                headers={"Content-Type": "application/json", "X-Bootaction-Key": self.key},
                method="POST",
            )
            try:
                with opener.open(request, timeout=TIMEOUT_SECONDS):
                    return
            except urllib.error.HTTPError as answer:
                location = answer.headers.get("Location")
                if answer.code not in (301, 302, 303, 307, 308) or not location:
                    raise
                # Posted again, not fetched: a GET would report nothing and look like success.
                target = urllib.parse.urljoin(target, location)
                if urllib.parse.urlsplit(target).hostname != host:
                    raise PostError(
                        "redirected to another host; the key is not sent there"
                    ) from None
        raise PostError("redirected too often")


def is_not_yet(reason: object) -> bool:
    """Whether nobody was there to be told anything."""
    if isinstance(reason, socket.gaierror):
        return reason.errno == socket.EAI_AGAIN
    return isinstance(reason, OSError) and reason.errno in NOT_YET


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


class _Alarm:
    """Bound the whole request; the socket's own limit is per read. In the main thread only."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds

    def __enter__(self) -> None:
        self.before = signal.signal(signal.SIGALRM, self._ring)
        signal.alarm(self.seconds)

    def __exit__(self, *_: object) -> None:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, self.before)

    def _ring(self, *_: object) -> None:
        raise OSError(f"no answer within {self.seconds} s")


def proxies_for(url: str) -> "dict[str, str]":
    """Return the proxies for a URL: never for this very machine, not for what NO_PROXY names."""
    host = urllib.parse.urlsplit(url).hostname or ""
    if _is_exempt(host) or urllib.request.proxy_bypass(host):
        return {}
    return urllib.request.getproxies()


def _is_exempt(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    if address.is_loopback:
        return True
    named = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    return any(_holds(entry.strip(), address) for entry in named.split(","))


def _holds(network: str, address: object) -> bool:
    try:
        return "/" in network and address in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def seconds_from(flags: "dict[str, str]") -> int:
    """Return for how long refused connections are tried again. Raises UsageError."""
    given = flags.get("retry", str(TIMEOUT_SECONDS))
    if not (given and set(given) <= set("0123456789")):
        raise UsageError(f'invalid value "{given}" for flag -retry: seconds', to_stderr=True)
    return int(given)


def run_wrapped(reporter: Reporter, command: str, bare: bool) -> int:
    """Report the start, run the command, report its end; return its exit status."""
    reporter.post("Bootaction starting execution.", False)
    try:
        ended = subprocess.call(  # noqa: S603, the command of whoever calls us
            command.split(" "),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={} if bare else None,
        )
    except (OSError, ValueError):
        # As a shell says that a command cannot be run.
        ended = 127
    if ended == 0:
        reporter.post("Bootaction execution successful.", False, "success")
    else:
        reporter.post("Bootaction execution failed.", True, "failure")
    return ended if ended >= 0 else 128 - ended


def help_text() -> str:
    lines = ["Usage of reporter:"]
    for name in sorted(FLAGS):
        takes_value, text = FLAGS[name]
        lines.append("  -{}{}\n    \t{}".format(name, " string" if takes_value else "", text))
    return "\n".join(lines)


def run(flags: "dict[str, str]") -> int:
    """Do what the flags say and return the exit status. Raises UsageError and PostError."""
    if not flags.get("id"):
        raise UsageError("A boot action id is required: -id.")
    key = key_from(flags)
    if not flags.get("msg"):
        raise UsageError("A message is required: -msg.")
    reporter = Reporter(flags.get("url", ""), flags["id"], key, seconds_from(flags))
    if flags.get("exec"):
        ended = run_wrapped(reporter, flags["exec"], is_set(flags, "np"))
        return ended if is_set(flags, "exitcode") else POSTED
    status = "failure" if is_set(flags, "f") else "success" if is_set(flags, "s") else ""
    reporter.post(flags["msg"], is_set(flags, "e"), status)
    say("Bootaction status posted.")
    return POSTED


def say(text: str, to_stderr: bool = False) -> None:
    stream = sys.stderr if to_stderr else sys.stdout
    stream.write(text + "\n")
    stream.flush()


def main(arguments: "list[str]") -> int:
    """Return the exit status."""
    try:
        flags = parse_flags(arguments)
        if is_set(flags, "h"):
            say(help_text(), to_stderr=True)
            return POSTED
        return run(flags)
    except UsageError as error:
        say(str(error), to_stderr=error.to_stderr)
        if error.to_stderr:
            say(help_text(), to_stderr=True)
        return WRONG_USAGE
    except PostError as error:
        say(str(error), to_stderr=True)
        return NOT_POSTED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
