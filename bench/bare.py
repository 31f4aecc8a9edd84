"""The limit to compare with: a bare Tornado handler that moves the same bytes.

Run as ``python -m bench.bare PORT FILE``: GET answers the bytes of FILE, POST reads the
body and answers them too.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import tornado.web


class Bare(tornado.web.RequestHandler):
    def initialize(self, content: bytes) -> None:
        self.content = content

    def get(self) -> None:
        self.finish(self.content)

    def post(self) -> None:
        assert self.request.body is not None
        self.finish(self.content)


async def serve(port: int, content: bytes) -> None:
    application = tornado.web.Application(
        [(r"/.*", Bare, {"content": content})], log_function=lambda handler: None
    )
    application.listen(port, "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2]).read_bytes()))
