"""The room in a process of its own: machines live on while drydockd is down.

::

    GET  /                        how many machines are in which state
    GET  /v1/machines             every machine, with its counters
    GET  /v1/changes              ?after=REVISION&epoch=EPOCH&wait=SECONDS, a long poll
    GET  /v1/faults, PUT          the faults as in the room file, for drills
    POST /v1/do/<operation>       a method of RoomPort, arguments as a JSON object

A POST with the ``X-Call-Id`` of an earlier one gets that one's answer. Loopback only.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import socket
from collections import Counter, OrderedDict
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerRequest
from tornado.web import Application, RequestHandler

from drydockd.errors import DriverError, InvalidInput
from drydockd.room.card import MachineView
from drydockd.room.config import FaultConfig, RoomConfig, load_config
from drydockd.room.room import Room
from drydockd.room.wire import TABLE, VIEWS, error_body

log = logging.getLogger(__name__)

ADDRESS = "127.0.0.1"
LONGEST_WAIT = 60.0
ANSWERS_KEPT = 20_000
FAULTS = TypeAdapter(tuple[FaultConfig, ...])

Answer = tuple[int, bytes]


class Calls:
    """Operations by call id: one that came before is answered, not done again."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._known: OrderedDict[str, asyncio.Task[Answer]] = OrderedDict()

    async def answer(self, name: str, call_id: str, raw: object) -> Answer:
        if not call_id:
            return await self._do(name, raw)
        task = self._known.get(call_id)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._do(name, raw), name=name)
            self._known[call_id] = task
            while len(self._known) > ANSWERS_KEPT:
                self._known.popitem(last=False)
        # The caller may be gone before the answer is there; the call goes on.
        return await asyncio.shield(task)

    async def _do(self, name: str, raw: object) -> Answer:
        operation = TABLE[name]
        try:
            arguments = operation.unpack(raw)
            result = await getattr(self._room, name)(**arguments)
        except DriverError as error:
            return 409, orjson.dumps(error_body(error))
        except InvalidInput as error:
            return 400, _problem(str(error))
        return 200, operation.result.dump_json(result)


class RoomHandler(RequestHandler):
    """Answers JSON, errors included."""

    def initialize(self, room: Room, calls: Calls) -> None:
        self.room = room
        self.calls = calls

    def respond(self, status: int, body: bytes) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.finish(body)

    def refuse(self, message: str, status: int = 400) -> None:
        self.respond(status, _problem(message))

    def json_body(self) -> Any:
        """Raises InvalidInput. A wrong content type is refused: no web page may post here."""
        if not self.request.headers.get("Content-Type", "").startswith("application/json"):
            raise InvalidInput("Content-Type must be application/json")
        try:
            return orjson.loads(self.request.body)
        except orjson.JSONDecodeError as error:
            raise InvalidInput(f"the body is not JSON: {error}") from None

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        self.refuse(self._reason, status_code)


class SummaryHandler(RoomHandler):
    async def get(self) -> None:
        machines = await self.room.machines()
        states = Counter(str(m.state or "unseen") for m in machines)
        summary = {"epoch": self.room.epoch, "machines": len(machines), "states": states}
        self.respond(200, orjson.dumps(summary))


class MachinesHandler(RoomHandler):
    async def get(self) -> None:
        self.respond(200, VIEWS.dump_json(await self.room.machines()))


class ChangesHandler(RoomHandler):
    _waiting: asyncio.Future[tuple[int, list[MachineView]]] | None = None

    async def get(self) -> None:
        try:
            after = int(self.get_query_argument("after", "0"))
            wait = float(self.get_query_argument("wait", "20"))
        except ValueError:
            self.refuse("after and wait must be numbers")
            return
        if self.get_query_argument("epoch", "") != self.room.epoch:
            # Somebody new, or somebody who knew an earlier room: everything, at once.
            after, wait = -1, 0
        seconds = min(max(wait, 0), LONGEST_WAIT)
        self._waiting = asyncio.ensure_future(self.room.changes(after, seconds))
        try:
            revision, machines = await self._waiting
        except asyncio.CancelledError:
            # The client hung up, see below: there is nobody to answer.
            return
        head = {"epoch": self.room.epoch, "revision": revision}
        body = orjson.dumps(head)[:-1] + b',"machines":' + VIEWS.dump_json(machines) + b"}"
        self.respond(200, body)

    def on_connection_close(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()


class FaultsHandler(RoomHandler):
    async def get(self) -> None:
        self.respond(200, FAULTS.dump_json(tuple(self.room.chance.faults)))

    async def put(self) -> None:
        try:
            faults = FAULTS.validate_python(self.json_body())
        except InvalidInput as error:
            self.refuse(str(error))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            self.refuse(f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
        else:
            self.room.set_faults(faults)
            self.respond(200, FAULTS.dump_json(faults))


class OperationHandler(RoomHandler):
    async def post(self, name: str) -> None:
        if name not in TABLE:
            self.refuse(f"no operation {name}; there are: {', '.join(TABLE)}", 404)
            return
        try:
            raw = self.json_body()
        except InvalidInput as error:
            self.refuse(str(error))
            return
        call_id = self.request.headers.get("X-Call-Id", "")
        self.respond(*await self.calls.answer(name, call_id, raw))


class UnknownHandler(RoomHandler):
    def prepare(self) -> None:
        self.refuse(f"there is nothing at {self.request.path}", 404)


def make_app(room: Room) -> Application:
    """The room's routes; the room stays its giver's to close."""
    shared = {"room": room, "calls": Calls(room)}
    return Application(
        [
            (r"/", SummaryHandler, shared),
            (r"/v1/machines", MachinesHandler, shared),
            (r"/v1/changes", ChangesHandler, shared),
            (r"/v1/faults", FaultsHandler, shared),
            (r"/v1/do/(\w+)", OperationHandler, shared),
        ],
        default_handler_class=UnknownHandler,
        default_handler_args=shared,
        log_function=_quiet,
    )


async def serve(
    port: int,
    config: RoomConfig | None = None,
    *,
    folder: Path | None = None,
    stop: asyncio.Event | None = None,
    ready: Callable[[int], None] | None = None,
) -> None:
    """Serve a new room on loopback until `stop` is set; `ready` gets the port (of 0: the chosen).

    `folder` keeps the nodes' unpacked boot data; without it they go with the room. Raises
    OSError when the port is taken.
    """
    # Not tornado's bind_sockets: that leaks the socket when the port is taken.
    listener = socket.create_server((ADDRESS, port), backlog=128)
    listener.setblocking(False)
    room = Room(config, folder)
    server = HTTPServer(make_app(room), max_body_size=16 * 2**20)
    server.add_socket(listener)
    chosen = listener.getsockname()[1]
    log.info("the room is open at http://%s:%s", ADDRESS, chosen)
    if ready is not None:
        ready(chosen)
    try:
        await (stop or asyncio.Event()).wait()
    finally:
        server.stop()
        await room.close()
        await server.close_all_connections()


async def serve_until_signal(
    port: int,
    config: RoomConfig | None = None,
    *,
    folder: Path | None = None,
    ready: Callable[[int], None] | None = None,
) -> None:
    """`serve` until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await serve(port, config, folder=folder, stop=stop, ready=ready)


def main(arguments: list[str] | None = None) -> int:
    """``python -m drydockd.room.server``: the same as ``drydock lab room``."""
    parser = argparse.ArgumentParser(prog="drydock lab room", description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=9100, help="on loopback; 0: any free one")
    parser.add_argument("--room", help="the room file, see conf/room.yaml")
    parser.add_argument("--state-dir", type=Path, help="where nodes unpack their boot data")
    options = parser.parse_args(arguments)
    return run(options.port, options.room, options.state_dir)


def run(port: int, room_file: str | None, state_dir: Path | None) -> int:
    """Run a room until it is told to stop. Returns the exit code: 0, 2 on bad input."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        config = load_config(room_file) if room_file else None
        main_coroutine: Coroutine[Any, Any, None] = serve_until_signal(
            port, config, folder=state_dir, ready=_announce
        )
        asyncio.run(main_coroutine)
    except (InvalidInput, OSError) as error:
        log.error("%s", error)
        return 2
    return 0


def _announce(port: int) -> None:
    # Flushed: whoever started us with a pipe waits for this line.
    print(f"http://{ADDRESS}:{port}", flush=True)  # noqa: T201


def _problem(message: str) -> bytes:
    return orjson.dumps({"type": "InvalidInput", "message": message})


def _quiet(handler: RequestHandler) -> None:
    request: HTTPServerRequest = handler.request
    status = handler.get_status()
    level = logging.DEBUG if status < 500 else logging.ERROR
    log.log(level, "%s %s %s", status, request.method, request.path)


if __name__ == "__main__":
    raise SystemExit(main())
