"""The `drydockd` process: flags, configuration, signals, and what the service manager is told.

Exit codes: 0 after SIGTERM or SIGINT, 1 when the state directory or something unforeseen
stops it, 2 for mistakes in flags or configuration.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from drydockd import __version__, app, garbage, parts, preflight
from drydockd import log as logs
from drydockd.config import ConfigError, Loaded, Settings, dump, load, secret_values
from drydockd.errors import InvalidConfig, StoreRefused
from drydockd.systemd import Notifier, inherited_sockets

log = logging.getLogger("drydockd.main")


def main(argv: Sequence[str] | None = None) -> None:
    """Run the daemon until it is told to stop; ends with the exit code."""
    options = flags().parse_args(argv)
    files = preflight.files_of(options.config or ())
    try:
        loaded = preflight.load(files, os.environ)
    except ConfigError as error:
        for mistake in error.mistakes:
            print(f"drydockd: {mistake}", file=sys.stderr)  # noqa: T201 (before any log)
        sys.exit(2)
    daemon = Daemon(loaded, files, is_debugging=options.debug)
    try:
        asyncio.run(daemon.run())
    except InvalidConfig as error:
        log.error("cannot start: %s", error)
        sys.exit(2)
    except StoreRefused as error:
        log.error("cannot start: %s", error)
        sys.exit(1)


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
    parser.add_argument("--version", action="version", version=f"drydockd {__version__}")
    return parser


class Daemon:
    """One run: from loaded settings to the last part closed."""

    def __init__(self, loaded: Loaded, files: Sequence[Path], *, is_debugging: bool) -> None:
        self._settings = loaded.settings
        self._base = loaded.base
        self._files = files
        self._is_debugging = is_debugging
        self._notifier = Notifier(os.environ)
        self._stop = asyncio.Event()
        self._set_up_log()
        for warning in loaded.warnings:
            log.warning("configuration: %s", warning)
        for line in dump(self._settings, parts.schema()):
            log.debug("configuration: %s", line)

    def _set_up_log(self) -> None:
        chosen = self._settings.logging
        logs.set_up(
            level=self._level(self._settings),
            style=chosen.format,
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
        sockets = inherited_sockets(os.environ)
        running = await app.start(self._settings, base=self._base, sockets=sockets)
        garbage.settle()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload, running)
        signs = asyncio.create_task(self._signs_of_life(), name="watchdog")
        log.info("drydockd %s serves %s", __version__, running.url)
        if running.node_url:
            log.info("nodes are served at %s", running.node_url)
        self._notifier.say("READY=1", f"STATUS=serving {running.url}")
        try:
            await self._stop.wait()
        finally:
            log.info("stopping")
            self._notifier.say("STOPPING=1", "STATUS=draining")
            await running.stop()
            signs.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await signs
            log.info("stopped")

    async def _signs_of_life(self) -> None:
        """Tell the watchdog that the loop turns, draining included."""
        if (pause := self._notifier.watchdog_seconds) is None:
            return
        while True:
            self._notifier.say("WATCHDOG=1")
            await asyncio.sleep(pause)

    def _reload(self, running: app.App) -> None:
        """Read policy and log level again; with a mistake in either, both stay as they were."""
        try:
            settings = load(self._files, os.environ, parts.schema()).settings
            running.reload_policy()
        except (ConfigError, InvalidConfig) as error:
            log.error("reload failed, everything stays as it was: %s", error)
            return
        logs.set_level(self._level(settings))
        log.info("policy and log level (%s) are reloaded", self._level(settings))


if __name__ == "__main__":
    main()
