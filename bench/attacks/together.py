"""All attackers at once, each from an address of its own, round after round."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx

from bench.attacks import connections, designs, reports, tokens
from bench.attacks.answers import Answers
from bench.daemon import Daemon
from bench.storm import site
from drydockd.auth.jwt import mint
from drydockd.auth.jwtkeys import SECRET_FILE, secret_key

MIB = 1 << 20
# The attack ends then even if the nodes are not all handed over.
DEPLOY_SECONDS = 600
ROUND_SECONDS = 60
GONE = (OSError, httpx.HTTPError, asyncio.IncompleteReadError, TimeoutError)


class Attack:
    """All attackers; each goes round until `until`, and has its answers."""

    def __init__(self, daemon: Daemon, folder: Path, only: tuple[str, ...]) -> None:
        self.daemon, self.folder, self.only = daemon, folder, only
        self.until = time.monotonic() + DEPLOY_SECONDS
        self.place = ("127.0.0.1", daemon.port)
        self.answers: dict[str, Answers] = {}
        self.tasks: set[str] = set()

    def client(self, n: int, seconds: float = 60) -> httpx.AsyncClient:
        """A client from the n-th attacker's address, who is a user of its own."""
        key = secret_key(self.daemon.state_dir / SECRET_FILE, create=False)
        token = mint(key, user=f"attacker-{n}", roles=("admin",), ttl_seconds=3600)
        return httpx.AsyncClient(
            base_url=self.daemon.url + "/api/v1.0",
            headers={"X-Auth-Token": token},
            timeout=seconds,
            transport=httpx.AsyncHTTPTransport(local_address=f"127.2.0.{n}"),
        )

    async def rounds(
        self, name: str, work: Callable[[Answers], Awaitable[object]], *, at_once: int = 1
    ) -> None:
        """Do `work` again and again, `at_once` of it, until the time is over."""
        if self.only and not name.startswith(self.only):
            return
        answers = self.answers.setdefault(name, Answers())

        async def one() -> None:
            while (left := self.until - time.monotonic()) > 0:
                try:
                    async with asyncio.timeout(min(left, ROUND_SECONDS) + 5):
                        await work(answers)
                except GONE:
                    answers.cut += 1
                    await asyncio.sleep(0.1)

        await asyncio.gather(*(one() for _ in range(at_once)))

    async def design(self, name: str, n: int, make: Callable[[], str]) -> None:
        """One design after the other, as task and as validation."""
        async with self.client(n) as client:

            async def as_task(answers: Answers) -> None:
                if task_id := await designs.as_task(client, make(), answers):
                    self.tasks.add(task_id)
                await asyncio.sleep(0.2)

            await asyncio.gather(
                self.rounds(f"{name}, tasks", as_task, at_once=2),
                self.rounds(
                    f"{name}, validations",
                    lambda answers: designs.as_validation(client, make(), answers),
                    at_once=4,
                ),
            )

    async def designs(self) -> None:
        turns = iter(designs.TEMPLATES * 100_000)
        node = site(1, 0)
        await asyncio.gather(
            self.design("alias bombs", 1, lambda: self.write(designs.bomb())),
            self.design("expressions", 2, lambda: self.write(node + designs.expressions())),
            self.design("templates", 3, lambda: self.write(node + designs.template(next(turns)))),
            self.design("large", 4, lambda: self.write(node, pad_bytes=8 * MIB)),
            self.huge(),
        )

    def write(self, text: str, *, pad_bytes: int = 0) -> str:
        return designs.written(self.folder, text, pad_bytes=pad_bytes)

    async def huge(self) -> None:
        """Twelve references of 60 MiB at once."""
        turn = iter(range(10**9))
        async with self.client(5) as client:
            await self.rounds(
                "60 MiB references",
                lambda answers: designs.as_validation(
                    client, designs.huge(self.folder, next(turn) % 12), answers
                ),
                at_once=12,
            )

    async def held(
        self, name: str, n: int, count: int, data: Callable[[], bytes], seconds: float = 10
    ) -> None:
        """`count` connections that have sent something and stay, anew every few seconds."""

        async def work(answers: Answers) -> None:
            source = f"127.2.0.{n}"
            async with connections.crowd(self.place, count, data(), source=source) as crowd:
                await asyncio.sleep(min(seconds, max(0, self.until - time.monotonic())))
                for one in crowd:
                    answers.heard(one)

        await self.rounds(name, work)

    async def streams(self, task_id: str) -> None:
        path = f"/api/v1.0/tasks/{task_id}"
        with_token = {"X-Auth-Token": self.client(11).headers["x-auth-token"]}
        poll, events = (
            connections.get(f"{path}{end}", with_token) for end in ("?wait=60", "/events")
        )
        await asyncio.gather(
            self.held("long polls", 11, 600, lambda: poll),
            self.held("event streams", 12, 200, lambda: events),
        )

    async def connections(self) -> None:
        with_token = {"X-Auth-Token": self.client(11).headers["x-auth-token"]}
        lists = connections.get("/api/v1.0/tasks", with_token)
        await asyncio.gather(
            self.held("idle connections", 13, 600, lambda: b""),
            self.held("half-sent requests", 14, 600, lambda: lists[:-2]),
            self.held("answers never read", 15, 50, lambda: lists * 20),
            self.rounds(
                "pipelined and gone",
                lambda _: connections.pipelined_and_gone(
                    self.place, lists * 500, source="127.2.0.16"
                ),
                at_once=2,
            ),
        )

    async def tokens(self) -> None:
        numbers = iter(range(10**9))
        async with self.client(21) as client:
            await self.rounds(
                "wrong tokens (local)",
                lambda answers: tokens.wrong(client, next(numbers), answers),
                at_once=16,
            )

    async def reports(self, actions: list[tuple[str, str]]) -> None:
        """The keys of one node's own actions, as fast as they are answered."""
        turn = iter(range(10**9))
        async with self.client(22) as client:

            async def work(answers: Answers) -> None:
                action_id, key = actions[next(turn) % len(actions)]
                url = f"/bootactions/{action_id}/"
                await reports.flood(client, url, key, count=40, statuses=answers.statuses)

            await self.rounds("reports of one node", work)
