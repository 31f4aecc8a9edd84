"""Hosts in one process: each can be stopped at any await of the daemon on it, and goes on later.

A task that begins in a host's context is driven step by step. Stopped, none of them is resumed,
whatever it waits for, as those of a process after SIGSTOP; `go_on` is SIGCONT. What they sent is
on a network of its own, which goes on.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import types
from contextlib import contextmanager
from enum import StrEnum

from drydockd.errors import DriverTransient
from drydockd.room.port import is_act

_host = contextvars.ContextVar("host", default=None)


class Host:
    """`steps` counts how often a task of its was suspended since `stop_at`."""

    def __init__(self, name):
        self.name = name
        self.is_stopped = self.is_dead = False
        self.stopped = asyncio.Event()
        self.steps, self._at = 0, None
        self._gates = []
        self._context = contextvars.copy_context()
        self._context.run(_host.set, self)

    def begin(self, work):
        """Run a coroutine on this host; return its task."""
        return asyncio.get_running_loop().create_task(work, context=self._context.copy())

    def call(self, function, *values):
        """Call what does not wait; tasks that it begins are this host's."""
        return self._context.copy().run(function, *values)

    def stop_at(self, number):
        """Stop when a task is suspended for the `number`th time from now."""
        self.steps, self._at = 0, number

    def go_on(self):
        self.is_stopped = self.is_dead
        self._at = None
        if not self.is_stopped:
            self._open()

    def die(self):
        """As when its process ends: nothing is resumed, and nothing more of it is sent."""
        self.is_dead = self.is_stopped = True

    def wind_down(self):
        """Let the tasks of one that died be cancelled, so that none is left behind."""
        self.is_stopped = False
        self._open()

    async def gone_on(self):
        """Return as soon as it is not stopped."""
        await self._gate()

    def _open(self):
        gates, self._gates = self._gates, []
        for gate in gates:
            if not gate.done():
                gate.set_result(None)

    async def _gate(self):
        while self.is_stopped:
            gate = asyncio.get_running_loop().create_future()
            self._gates.append(gate)
            await gate

    def _suspended(self):
        self.steps += 1
        if self.steps == self._at:
            self.stop()

    def stop(self):
        self.is_stopped = True
        self.stopped.set()

    async def drive(self, work):
        return await self._driven(work)

    @types.coroutine
    def _driven(self, work):
        error = None
        while True:
            while self.is_stopped:
                try:
                    yield from self._gate().__await__()
                except asyncio.CancelledError as cut:
                    error = cut  # a timer of its, which is due as soon as it goes on
            try:
                wanted = work.send(None) if error is None else work.throw(error)
            except StopIteration as end:
                return end.value
            error = None
            self._suspended()
            try:
                yield wanted
            except BaseException as thrown:
                if isinstance(thrown, GeneratorExit):
                    work.close()
                    raise
                error = thrown


def driven(loop, work, **options):
    """A task factory: what begins in the context of a host is driven by it."""
    context = options.get("context")
    host = _host.get() if context is None else context.get(_host)
    return asyncio.Task(work if host is None else host.drive(work), loop=loop, **options)


@contextmanager
def hosts():
    """Have tasks that begin in the context of a host driven by it."""
    loop = asyncio.get_running_loop()
    loop.set_task_factory(driven)
    try:
        yield
    finally:
        loop.set_task_factory(None)


class Fate(StrEnum):
    """Of what is on its way when its sender is stopped."""

    ARRIVES = "arrives"
    NEVER = "never"  # the sender is told so when it goes on
    LATE = "late"  # it is sent when its host goes on


class Network:
    """What hosts send each other; it belongs to none of them. `fate` is of what a stop left."""

    def __init__(self, fate):
        self.fate = fate
        self._outside = contextvars.copy_context()

    async def send(self, host, deliver, fate=None):
        """Have `deliver` called out there, and return what it returns, as an answer."""
        work = self._delivered(host, deliver, fate or self.fate)
        return await asyncio.get_running_loop().create_task(work, context=self._outside)

    async def _delivered(self, host, deliver, fate):
        await asyncio.sleep(0)
        if host.is_stopped and fate is not Fate.ARRIVES:
            await host.gone_on()
            if fate is Fate.NEVER:
                raise DriverTransient("the connection is gone: nothing was delivered")
        return await deliver()


class Wire:
    """A RoomPort: the way of one daemon to the room. `acts` is the room's log of all of them.

    With a `session` named, what is sent belongs to it: the BMC refuses it once that has ended.
    """

    def __init__(self, host, room, network, acts, bmc):
        self._host, self._room, self._network = host, room, network
        self._acts, self._bmc = acts, bmc
        self.session = None

    def __getattr__(self, name):
        operation = getattr(self._room, name)

        @functools.wraps(operation)
        async def sent(*values, **named):
            arguments = dict(zip(_parameters(operation), values, strict=False)) | named
            session = self.session

            async def deliver():
                if is_act(name, arguments):
                    self._bmc.check(session)
                    self._acts.append((self._host.name, name))
                return await operation(*values, **named)

            return await self._network.send(self._host, deliver)

        return sent

    async def to_bmc(self, call, act=""):
        """Have `call` done at the BMC; `act` is what it is in the log, if it is one."""

        async def deliver():
            if act:
                self._acts.append((self._host.name, act))
            return call()

        return await self._network.send(self._host, deliver)


def _parameters(operation):
    code = operation.__func__.__code__
    return code.co_varnames[1 : code.co_argcount]


class Sessions:
    """Of a BMC: what was sent in one that has ended is refused; without one it is taken."""

    def __init__(self):
        self.opened, self.ended = [], set()

    def open(self):
        self.opened.append(f"/redfish/v1/SessionService/Sessions/{len(self.opened) + 1}")
        return self.opened[-1]

    def end(self, session):
        self.ended.add(session)

    def check(self, session):
        if session in self.ended:
            raise DriverTransient(f"{session}: there is no such session")
