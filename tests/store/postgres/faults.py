"""A connection to PostgreSQL that is lost at the worst moment."""

import asyncio

import asyncpg


class Lossy:
    """Stands for `real`. The next `fetchrow` of drydock.write is lost: "asked" before the server
    hears of it, "answered" when it has done it, "refused": nothing, it goes through."""

    def __init__(self, real, lost):
        self._real = real
        self._lost = lost
        self.asked = asyncio.Event()

    def __getattr__(self, name):
        return getattr(self._real, name)

    async def fetchrow(self, sql, *args):
        lost, self._lost = self._lost, None
        self.asked.set()
        if lost == "answered":
            await self._real.fetchrow(sql, *args)
        if lost is None:
            return await self._real.fetchrow(sql, *args)
        self._real.terminate()
        raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle")


class Held:
    """Stands for `real`. The next `fetchrow` of drydock.write waits for `go`: before the server
    hears of it, or `answered`, when it has done it; `is_held` says that it waits now."""

    def __init__(self, real, *, answered):
        self._real = real
        self._answered = answered
        self.is_held = asyncio.Event()
        self.go = asyncio.Event()

    def __getattr__(self, name):
        return getattr(self._real, name)

    async def fetchrow(self, sql, *args):
        if self._answered:
            reply = await self._real.fetchrow(sql, *args)
        self.is_held.set()
        await self.go.wait()
        return reply if self._answered else await self._real.fetchrow(sql, *args)


def hold(store, *, answered):
    """Let what `store` writes wait, once it was sent or when it was `answered`; return the Held."""
    writer = store.backend._writer
    writer._connection = Held(writer._connection, answered=answered)
    return writer._connection


def lose(store, what):
    """Let the next write of `store` be lost when it was "asked" or "answered"."""
    writer = store.backend._writer
    writer._connection = Lossy(writer._connection, what)


class Cut:
    """While it is `on` no new connection is made, and those there are are cut."""

    def __init__(self, monkeypatch, *modules):
        self.is_on = False
        for module in modules:
            monkeypatch.setattr(module, "connect", self._wrap(module.connect))

    def _wrap(self, connect):
        async def connected(url, *, purpose):
            if self.is_on:
                raise ConnectionRefusedError("refused by the test")
            return await connect(url, purpose=purpose)

        return connected

    def cut(self, *stores):
        self.is_on = True
        for store in stores:
            for part in (store.backend._writer, store.backend._feed):
                if part._connection is not None:
                    part._connection.terminate()
