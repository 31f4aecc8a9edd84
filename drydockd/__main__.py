"""The `drydockd` process: flags, configuration, signals, and what the service manager is told.

Exit codes: 0 after SIGTERM or SIGINT, 1 when the state directory or something unforeseen
stops it, 2 for mistakes in flags or configuration. Of ``--reload``: 1 when it was refused.
75 where several daemons share a store and this one cannot go on: it lost the right to run tasks,
the database lost writes, or does not answer at the start; the log says which. Started anew it
goes on as one of them. One that was stuck while it had that right is killed by its warden
(SIGKILL) instead.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from drydockd import __version__, app, garbage, parts, preflight
from drydockd import log as logs
from drydockd import reload as reloading
from drydockd.cluster.warden import Warden
from drydockd.config import ConfigError, Loaded, Settings, dump, secret_values
from drydockd.errors import InvalidConfig, StoreRefused, StoreUnavailable
from drydockd.reload import Outcome
from drydockd.systemd import Notifier, inherited_sockets, is_journal

log = logging.getLogger("drydockd.main")


def main(argv: Sequence[str] | None = None) -> None:
    """Run the daemon until it is told to stop; ends with the exit code."""
    options = flags().parse_args(argv)
    if options.reload:
        sys.exit(_ask_to_reload())
    files = preflight.files_of(options.config or ())
    heard: list[str] = []
    try:
        loaded = preflight.load(files, os.environ, hear=heard.append)
    except ConfigError as error:
        for mistake in error.mistakes:
            _say(logging.ERROR, str(mistake))
        sys.exit(2)
    if options.check:
        # The start that follows in the unit says what is worth a warning.
        _say(logging.INFO, "the configuration is good")
        sys.exit(0)
    # Before anything that might start a thread: a fork copies only the one that calls it.
    warden = Warden.fork() if loaded.settings.store.backend == "postgres" else None
    daemon = Daemon(loaded, files, is_debugging=options.debug, warden=warden)
    try:
        asyncio.run(daemon.run())
    except InvalidConfig as error:
        log.error("cannot start: %s", error)
        sys.exit(2)
    except StoreRefused as error:
        log.error("cannot start: %s", error)
        sys.exit(1)
    except StoreUnavailable as error:
        log.error("cannot start yet: %s", error)
        sys.exit(os.EX_TEMPFAIL)


def _end(warden: Warden | None, why: str) -> None:
    """End the process on the spot: another daemon goes on with what this one was doing.

    Nothing is drained, and nothing more is sent. It is as a power cut, which everything outlasts.
    """
    log.critical("this process ends, to be started anew: %s", why)
    logging.shutdown()
    if warden is not None:
        # What speaks to BMCs for it must not go on without it.
        warden.end_programs()
    os._exit(os.EX_TEMPFAIL)


def _say(level: int, text: str) -> None:
    """Tell the person or the journal at the other end of standard error: there is no log yet."""
    mark = logs.priority(level) if is_journal(sys.stderr, os.environ) else ""
    print(f"{mark}drydockd: {text}", file=sys.stderr)  # noqa: T201


def _ask_to_reload() -> int:
    try:
        outcome = reloading.ask(reloading.socket_path(os.environ))
    except reloading.NoDaemon as error:
        _say(logging.ERROR, str(error))
        return 1
    for line in outcome.lines:
        _say(logging.ERROR if outcome.is_refused else logging.INFO, line)
    return 1 if outcome.is_refused else 0


def flags() -> argparse.ArgumentParser:
    """The daemon's own options."""
    parser = argparse.ArgumentParser(prog="drydockd", description="Serve the Drydock API.")
    parser.add_argument(
        "--config",
        "--config-file",
        action="append",
        type=Path,
        metavar="FILE",
        help="configuration; may be repeated, the later wins "
        f"(default: {preflight.DEFAULT_CONFIG})",
    )
    parser.add_argument("-d", "--debug", action="store_true", help="log level DEBUG")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--check",
        action="store_true",
        help="say every mistake in the configuration and end with 2, or with 0 if there is none",
    )
    instead.add_argument(
        "--reload",
        action="store_true",
        help="have the running daemon reload (as `systemctl reload` does), and say what came of "
        "it; ends with 1 if it was refused",
    )
    parser.add_argument("--version", action="version", version=f"drydockd {__version__}")
    return parser


class Daemon:
    """One run: from loaded settings to the last part closed."""

    def __init__(
        self,
        loaded: Loaded,
        files: Sequence[Path],
        *,
        is_debugging: bool,
        warden: Warden | None = None,
    ) -> None:
        self._warden = warden
        self._settings = loaded.settings
        self._base = loaded.base
        self._files = files
        self._is_debugging = is_debugging
        self._is_activated = False
        self._notifier = Notifier(os.environ)
        self._stop = asyncio.Event()
        self._set_up_log()
        for warning in loaded.warnings:
            log.warning("configuration: %s", warning)
        if limited := parts.virtual_only(self._settings):
            log.warning("%s", limited)
        for line in dump(self._settings, parts.schema()):
            log.debug("configuration: %s", line)

    def _set_up_log(self) -> None:
        chosen = self._settings.logging
        logs.set_up(
            level=self._level(self._settings),
            style=chosen.format,
            for_journal=is_journal(sys.stderr, os.environ),
            secrets=secret_values(self._settings),
            names={
                "drydockd": chosen.global_logger_name,
                "drydockd.handlers": chosen.control_logger_name,
                "drydockd.drivers.oob": chosen.oobdriver_logger_name,
                "drydockd.drivers.node": chosen.nodedriver_logger_name,
                "drydockd.drivers.kubernetes": chosen.kubernetesdriver_logger_name,
            },
        )

    def _level(self, settings: Settings) -> str:
        return "DEBUG" if self._is_debugging else settings.logging.log_level

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT. Raises what `app.start` raises."""
        loop = asyncio.get_running_loop()
        end = partial(_end, self._warden)
        if self._warden is not None:
            self._warden.guard(partial(end, "its warden is gone"))
        sockets = inherited_sockets(os.environ)
        self._is_activated = bool(sockets)
        running = await app.start(
            self._settings, base=self._base, sockets=sockets, end=end, warden=self._warden
        )
        garbage.settle()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload, running)
        door = await self._door(running)
        signs = asyncio.create_task(self._signs_of_life(), name="watchdog")
        sweeper = asyncio.create_task(garbage.Sweeper().run(), name="sweeper")
        whose = " (from systemd)" if sockets else ""
        log.info("drydockd %s listens on %s%s", __version__, running.listens, whose)
        log.info("it serves %s", running.url)
        if running.node_url:
            log.info("nodes are served at %s", running.node_url)
        self._notifier.say("READY=1", f"STATUS=serving {running.url}")
        try:
            await self._stop.wait()
        finally:
            if door is not None:
                door.close()
            log.info("stopping")
            self._notifier.say("STOPPING=1", "STATUS=draining")
            await running.stop()
            for task in (signs, sweeper):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            if self._warden is not None:
                self._warden.close()
            log.info("stopped")

    async def _signs_of_life(self) -> None:
        """Tell the watchdog that the loop turns, draining included."""
        if (pause := self._notifier.watchdog_seconds) is None:
            return
        while True:
            self._notifier.say("WATCHDOG=1")
            await asyncio.sleep(pause)

    async def _door(self, running: app.App) -> asyncio.Server | None:
        """Open the socket at which a reload can be asked for, where the unit made a folder."""
        if "RUNTIME_DIRECTORY" not in os.environ:
            return None
        path = reloading.socket_path(os.environ)
        try:
            return await reloading.answer(path, lambda: self._reload(running))
        except OSError as error:
            log.error("%s: %s; only SIGHUP can reload", path, error.strerror)
            return None

    def _reload(self, running: app.App) -> Outcome:
        """Take policy, certificate and log level again; with a mistake all stay as they were."""
        now = f"MONOTONIC_USEC={time.monotonic_ns() // 1000}"
        self._notifier.say("RELOADING=1", now)
        serving = f"STATUS=serving {running.url}"
        try:
            outcome = self._taken(running)
        except ConfigError as error:
            outcome = Outcome(True, tuple(str(mistake) for mistake in error.mistakes))
        except InvalidConfig as error:
            outcome = Outcome(True, (str(error),))
        if outcome.is_refused:
            log.error("reload failed, everything stays as it was: %s", "; ".join(outcome.lines))
            serving += f"; the last reload was refused: {outcome.lines[0]}"
        self._notifier.say("READY=1", serving)
        return outcome

    def _taken(self, running: app.App) -> Outcome:
        """Reload. Raises ConfigError, InvalidConfig; then nothing has changed."""
        loaded = preflight.load(self._files, os.environ, is_activated=self._is_activated)
        running.reload(loaded.settings)
        logs.set_level(self._level(loaded.settings))
        lines = [f"policy and log level ({self._level(loaded.settings)}) are reloaded"]
        lines += [
            f"{end.name}: {end.subject} is served until {end.not_after:%Y-%m-%d %H:%M} UTC"
            for end in running.certificates
            if end.name.endswith(".tls_cert") and end.not_after is not None
        ]
        for line in lines:
            log.info("%s", line)
        if waiting := reloading.waiting(self._settings, loaded, parts.schema()):
            lines.append(f"changed, but only a restart takes it: {', '.join(waiting)}")
            log.warning("%s", lines[-1])
        return Outcome(False, tuple(lines))


if __name__ == "__main__":
    main()
