"""One run of the lab: start the daemon, drive it through its API, show what happens."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
from pydantic import TypeAdapter
from rich.console import Console

from drydockd import app
from drydockd import log as logs
from drydockd.api.event import KINDS, EventData
from drydockd.api.message import Message
from drydockd.api.node import Node, NodeView
from drydockd.api.task import Task, TaskTree
from drydockd.auth.jwt import mint
from drydockd.auth.jwtkeys import SECRET_FILE, secret_key
from drydockd.cli.lab_patience import Patient, submitted
from drydockd.cli.lab_stage import (
    LabTrouble,
    Stage,
    check_host,
    image_folder,
    listening,
    pretend_stage,
    qemu_stage,
)
from drydockd.cli.lab_view import (
    Progress,
    show_findings,
    show_login,
    show_nodes,
    show_page,
    show_way_in,
)
from drydockd.config import Settings
from drydockd.errors import DrydockError
from drydockd.room.keeper import keeping
from drydockd.room.qemu.machine import Firmware

T = TypeVar("T")

DEFAULT_PORT = 9000
TOKEN_SECONDS = 30 * 86400
STEPS = ("validate_design", "prepare_site", "prepare_nodes", "deploy_nodes")


@dataclass(frozen=True, slots=True)
class LabOptions:
    """`folder` None: a temporary one; `port` None: the usual one if it is free; `qemu`: how many
    machines of QEMU, with a site made for them and BMCs that speak `bmc`, None: pretend machines
    with `site`; `firmware` None: of both by turns. Of several `daemons`, with `has_chaos`, one is
    killed now and then."""

    site: Path
    is_once: bool = False
    port: int | None = None
    folder: Path | None = None
    room: Path | None = None
    is_plain: bool = True
    qemu: int | None = None
    images: Path | None = None
    bmc: str = "ipmi"
    firmware: Firmware | None = None
    daemons: int = 1
    has_chaos: bool = False


class Lab:
    """A daemon of its own, or several, on loopback, with local tokens and the machine room."""

    def __init__(self, options: LabOptions) -> None:
        self._options = options
        self._is_stopped = asyncio.Event()
        is_plain = options.is_plain
        # One for all: lines come above a live table, and not into it.
        self._console = Console(highlight=False, soft_wrap=is_plain)

    async def run(self) -> bool:
        """Return whether every node was deployed. Raises LabTrouble when it cannot start."""
        with self._folder() as folder, self._log(folder):
            listener = _listener(self._options.port)
            port = listener.getsockname()[1]
            async with self._stage(folder, port) as stage:
                if self._options.daemons > 1:
                    return await self._served_by_several(folder, stage, listener)
                return await self._served(folder, stage, listener)

    async def _served_by_several(self, folder: Path, stage: Stage, listener: socket.socket) -> bool:
        # Most labs have one daemon: they do without the database's parts.
        from drydockd.cli.lab_cluster import Plan, cluster
        from drydockd.cli.lab_members import show_members

        options, url = self._options, _url(listener)
        token = _token(folder)
        plan = Plan(
            folder, options.daemons, _sections(folder, url, stage), options.room, options.has_chaos
        )
        # Its keeper outlives the lab: it ends what a lab that was killed has left.
        with keeping() as keeper:
            if options.folder is None:
                keeper.remove(folder)
            self._listen_to_signals()
            async with cluster(plan, listener, keeper, self._say) as company:
                self._say(f"{options.daemons} daemons behind {url}")
                is_good = await self._drive(
                    url, token, folder, stage, lambda: self._login(url, folder)
                )
                show_members(company.watch.members, company.watch.takeovers, self._console)
                return is_good

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False)

    def _login(self, url: str, folder: Path) -> None:
        if not self._options.is_once:
            show_login(f"{url}/ui/", folder)

    def _stage(self, folder: Path, port: int) -> AbstractAsyncContextManager[Stage]:
        options = self._options
        if options.qemu is None:
            # That of several daemons is a process of its own, and reads the file itself.
            room = options.room if options.daemons == 1 else None
            return contextlib.nullcontext(pretend_stage(options.site, room))
        images = options.images or image_folder()
        print(check_host(options.qemu, images), flush=True)
        return qemu_stage(folder, options.qemu, images, port, options.bmc, options.firmware)

    async def _served(self, folder: Path, stage: Stage, listener: socket.socket) -> bool:
        url, port = _url(listener), listener.getsockname()[1]
        token = _token(folder)
        settings = _settings(folder, url, stage)
        nodes: list[socket.socket] = []
        try:
            # Nodes get their own routes and no others.
            nodes.extend(listening(address, port) for address in stage.addresses)
        except OSError as error:
            for opened in (listener, *nodes):
                opened.close()
            raise LabTrouble(f"cannot listen on port {port} for nodes: {error.strerror}") from error
        sockets = {app.API_SOCKETS: [listener], app.NODE_SOCKETS: nodes}
        try:
            running = await app.start(settings, sockets=sockets)
        except DrydockError as error:
            raise LabTrouble(str(error)) from error
        try:
            self._listen_to_signals()
            return await self._drive(
                running.url, token, folder, stage, lambda: self._show_page(running, token)
            )
        finally:
            await running.stop()

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._is_stopped.set)

    async def _drive(
        self, url: str, token: str, folder: Path, stage: Stage, show_page: Callable[[], None]
    ) -> bool:
        timeout = httpx.Timeout(30, read=None)
        async with httpx.AsyncClient(
            base_url=f"{url}/api/v1.0",
            headers={"X-Auth-Token": token},
            timeout=timeout,
            transport=Patient(),
        ) as client:
            show_page()
            is_good = await self._deploy(client, stage.site)
            if is_good is None:
                return False
            if not self._options.is_once:
                show_way_in(url, folder)
                show_page()
                await self._is_stopped.wait()
            return is_good

    def _show_page(self, running: app.App, token: str) -> None:
        """Print a way into the page, for who is there to look at it."""
        if running.dashboard is not None and not self._options.is_once:
            show_page(running.url + running.dashboard.login_path(token))

    async def _deploy(self, client: httpx.AsyncClient, site: Path) -> bool | None:
        """Submit each step; return whether all went well, None when told to stop meanwhile."""
        design_ref = site.as_uri()
        print(f"site {site}", flush=True)
        tasks = []
        for action in STEPS:
            task = await self._until_stopped(self._step(client, action, design_ref))
            if task is None:
                return None
            tasks.append(task)
            if task.result.status == "failure":
                show_findings(task.result.details.message_list, task.result.message)
                break
        task = tasks[-1]
        rows = await _get(client, "/nodes", list[Node])
        views = [
            await _get(client, f"/nodes/{name}", NodeView)
            for name in [*task.result.successes, *task.result.failures]
        ]
        show_nodes(rows, views, task.result)
        is_good = len(tasks) == len(STEPS) and task.result.status == "success"
        if not is_good and len(tasks) == len(STEPS):
            tree = await _get(client, f"/tasks/{task.task_id}?layers=-1", TaskTree)
            show_findings(said_in(tree), task.result.message)
        return is_good

    async def _until_stopped(self, work: Coroutine[None, None, Task]) -> Task | None:
        task = asyncio.ensure_future(work)
        stopped = asyncio.ensure_future(self._is_stopped.wait())
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if task.done():
            return task.result()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        return None

    async def _step(self, client: httpx.AsyncClient, action: str, ref: str) -> Task:
        task_id = await submitted(client, action, ref)
        options, tells = self._options, self._options.qemu is not None
        with Progress(
            action, is_plain=options.is_plain, tells=tells, console=self._console
        ) as progress:
            async for event in _events(client, task_id):
                progress.seen(event)
            task = await _get(client, f"/tasks/{task_id}", Task)
            progress.ended(task.result)
        return task

    @contextlib.contextmanager
    def _folder(self) -> Iterator[Path]:
        if self._options.folder is not None:
            self._options.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            yield self._options.folder
            return
        with tempfile.TemporaryDirectory(prefix="drydock-lab-") as name:
            yield Path(name)

    @contextlib.contextmanager
    def _log(self, folder: Path) -> Iterator[None]:
        """The daemon's log goes to a file of its owner's: the terminal is for the progress."""
        handle = os.open(folder / "drydockd.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "a", encoding="utf-8", buffering=1) as stream:
            root = logging.getLogger()
            others = root.handlers[:]
            for handler in others:
                root.removeHandler(handler)
            logs.set_up(level="INFO", stream=stream)
            try:
                yield
            finally:
                root.handlers[:] = others


async def _get(client: httpx.AsyncClient, path: str, kind: type[T]) -> T:
    answer = (await client.get(path)).raise_for_status()
    return TypeAdapter(kind).validate_json(answer.content)


async def _events(client: httpx.AsyncClient, task_id: str) -> AsyncIterator[EventData]:
    """Yield the events of the task's tree until it ends; resumes when cut."""
    last = ""
    while True:
        headers = {"Last-Event-ID": last} if last else {}
        try:
            async with client.stream("GET", f"/tasks/{task_id}/events", headers=headers) as stream:
                stream.raise_for_status()
                kind = ""
                async for line in stream.aiter_lines():
                    field, _, value = line.partition(": ")
                    if field == "id":
                        last = value
                    elif field == "event":
                        kind = value
                    elif field == "data":
                        yield KINDS[kind].model_validate_json(value)
                return
        except httpx.TransportError:
            continue


def said_in(tree: TaskTree) -> list[Message]:
    """Return what was said anywhere in the tree."""
    there = [task for task in tree.tasks.values() if task is not None]
    return [message for task in there for message in task.result.details.message_list]


def _listener(port: int | None) -> socket.socket:
    for attempt in (port,) if port is not None else (DEFAULT_PORT, 0):
        try:
            return listening("127.0.0.1", attempt)
        except OSError as error:
            if error.errno == errno.EADDRINUSE and port is None:
                continue
            raise LabTrouble(f"cannot listen on 127.0.0.1:{attempt}: {error.strerror}") from error
    raise LabTrouble("no free port on 127.0.0.1")


def _url(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def _token(folder: Path) -> str:
    """Mint an admin's token and leave it in the folder, readable by its owner only."""
    state = folder / "state"
    state.mkdir(mode=0o700, exist_ok=True)
    key = secret_key(state / SECRET_FILE, create=True)
    token = mint(key, user="lab", roles=("admin",), ttl_seconds=TOKEN_SECONDS)
    handle = os.open(folder / "token", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(token)
    return token


def _settings(folder: Path, url: str, stage: Stage) -> Settings:
    return Settings.model_validate(_sections(folder, url, stage))


def _sections(folder: Path, url: str, stage: Stage) -> dict[str, dict[str, Any]]:
    given: dict[str, dict[str, Any]] = {
        "api": {"listen": url.removeprefix("http://"), "public_url": url},
        "store": {"state_dir": folder / "state"},
        "auth": {"strategy": ("jwt",)},
        "bootactions": {"report_url": f"{url}/api/v1.0/bootactions/"},
        "network": {"allowed_roots": (stage.site.parent,)},
    }
    for section, values in stage.settings.items():
        given[section] = {**given.get(section, {}), **values}
    return given
