"""A little artefact server on a real port, which counts what it is asked for and can go away."""

import io
import tarfile
from collections import Counter
from contextlib import asynccontextmanager

import tornado.web
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from drydockd.design import Designs
from drydockd.handlers.bootrender import BootRenderer
from tests.tasks.helpers import Lab


class Artefacts:
    """`contents` by path; `asked` counts the requests of each; `url` is without a path."""

    def __init__(self, **contents):
        self.contents = {f"/{name}": content for name, content in contents.items()}
        self.asked = Counter()
        self._listener, self.port = bind_unused_port()
        self.url = f"http://127.0.0.1:{self.port}"
        application = tornado.web.Application(
            [(r"/.*", _Artefact, {"artefacts": self})], log_function=lambda handler: None
        )
        self._server = HTTPServer(application)
        self._server.add_sockets([self._listener])

    async def leave(self):
        self._server.stop()
        await self._server.close_all_connections()


class _Artefact(tornado.web.RequestHandler):
    def initialize(self, artefacts):
        self.artefacts = artefacts

    def get(self):
        self.artefacts.asked[self.request.path] += 1
        if self.request.path not in self.artefacts.contents:
            raise tornado.web.HTTPError(404)
        self.finish(self.artefacts.contents[self.request.path])


@asynccontextmanager
async def artefacts(**contents):
    server = Artefacts(**contents)
    try:
        yield server
    finally:
        await server.leave()


class ArtefactLab(Lab):
    """A lab whose sources are fetched for real; nothing of it waits before it asks again."""

    def __init__(self, text, **options):
        super().__init__(text, **{"initial": "ready"} | options)
        self.real = Designs(
            allowed_hosts=["127.0.0.1"],
            allow_loopback=True,
            lifetime_seconds=0,
            sleep=_no_pause,
        )
        self.designs.fetch = self.real.fetch

    async def __aexit__(self, *error):
        await super().__aexit__(*error)
        await self.real.close()

    async def archive(self, name, kind="file"):
        """The files of a node's boot data, path -> content, as its daemon makes them now."""
        context = self.tasks.deployments.current(name)
        return await unpacked(await renderer(self).archive(context, kind))


async def _no_pause(seconds):
    return None


def renderer(lab):
    return BootRenderer(lab.store, lab.designs, lab.tasks, lab.settings.report_url)


async def unpacked(archive):
    content = b"".join([chunk async for chunk in archive.chunks()])
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as found:
        return {m.name: found.extractfile(m).read() for m in found}
