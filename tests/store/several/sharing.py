"""A crew whose members share a database."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

from tests.peers.postgres import Database
from tests.peers.wire import Wire
from tests.store.several.writing import Crew, Writing

MARK = "5e" * 32  # what the database keeps of the secret of the cluster
ENTRY = {"address": "", "version": "1", "secret_mark": MARK, "patience": 100}


def url_of(database: Database, wire: Wire | None = None) -> str:
    """Of a database whose server is not durable, and stays; over a wire, if there is one."""
    port = wire.port if wire else None
    return f"{database.server.url(database.name, port)}?sslmode=disable&durable=no"


class Sharing(Crew):
    """Its members open the database at `url`, or at one of their own (over a wire)."""

    def __init__(self, stack: contextlib.ExitStack, url: str = "") -> None:
        super().__init__(stack)
        self.url = url

    def join(
        self,
        name: str,
        url: str = "",
        *,
        environment: Mapping[str, str] | None = None,
        writers: int = 4,
        pad: int = 0,
        **options: object,
    ) -> Writing:
        """Start one more process; `options` are those of the store."""
        told = ENTRY | {"url": url or self.url, "name": name} | options
        return self.add(name, environment=environment, writers=writers, pad=pad, options=told)

    @contextlib.contextmanager
    def guest(self, name: str, *place: str, **options: object) -> Iterator[Writing]:
        """One more process that writes for a while; what it was told is judged with the rest."""
        member = self.join(name, *place, **options)  # type: ignore[arg-type]
        member.go()
        yield member
        member.stop()
        member.close()

    @classmethod
    @contextlib.contextmanager
    def anew(cls, url: str) -> Iterator[Sharing]:
        """Another crew on the same database: what its predecessors did is there."""
        with contextlib.ExitStack() as stack:
            crew = cls(stack, url)
            crew.has_begun = True
            yield crew
