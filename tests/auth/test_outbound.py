"""drydockd as a client: a document service that asks a real Keystone who fetches a design."""

from dataclasses import dataclass, field

import pytest
from tornado import web
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from drydockd.auth.identity import ServiceIdentity
from drydockd.auth.keystone import Keystone
from drydockd.auth.strategy import Authenticator
from tests.auth.helpers import account
from tests.handlers.helpers import SITE, V1, daemon
from tests.peers.keystone import USERS

MARKER = "0b6c1c1e-58a2-4d0b-9a2a-1c5d1f0e7a11"


@dataclass
class Service:
    """What was fetched: as whom, with which headers; `moved` came without being asked whom."""

    host: str = ""
    elsewhere: str = ""
    fetched: list = field(default_factory=list)
    moved: list = field(default_factory=list)

    @property
    def callers(self):
        return [caller for caller, _ in self.fetched]


def listening(routes):
    socket, port = bind_unused_port(address="127.0.0.1")
    server = HTTPServer(web.Application(routes))
    server.add_socket(socket)
    return server, f"127.0.0.1:{port}"


@pytest.fixture
async def service(keystone):
    identity = ServiceIdentity(account(keystone))
    auth = Authenticator([Keystone(identity, cache_seconds=0, refused_seconds=0)])
    found = Service()

    class Documents(web.RequestHandler):
        async def get(self):
            caller = await auth.identify(self.request.headers, "127.0.0.1")
            found.fetched.append((caller, self.request.headers))
            if caller.authenticated:
                self.write(SITE.read_bytes())
            else:
                self.set_status(401)

    class Moving(web.RequestHandler):
        def get(self):
            found.fetched.append((None, self.request.headers))
            self.redirect(f"http://{found.elsewhere}/site")

    class Moved(web.RequestHandler):
        def get(self):
            found.moved.append(self.request.headers)
            self.write(SITE.read_bytes())

    first, found.host = listening([("/site", Documents), ("/moving", Moving)])
    second, found.elsewhere = listening([("/site", Moved)])
    yield found
    for server in (first, second):
        server.stop()
        await server.close_all_connections()
    await identity.close()


@pytest.fixture
async def drydock(keystone, service, tmp_path):
    own = {
        "auth_url": keystone.url.removesuffix("/v3"),
        "username": "drydock",
        "password": USERS["drydock"][0],
        "user_domain_name": "Default",
        "project_name": "service",
        "project_domain_name": "Default",
    }
    network = {"allowed_hosts": (service.host, service.elsewhere), "design_cache": 0}
    async with daemon(
        tmp_path,
        auth={"service_hosts": (service.host,)},
        keystone_authtoken=own,
        network=network,
    ) as running:
        yield running


async def validate(drydock, href, **headers):
    return await drydock.http.post(
        f"{V1}/validatedesign", json={"href": href}, headers=drydock.admin | headers
    )


async def test_a_design_is_fetched_as_drydockd_for_whom_it_is(drydock, service):
    answer = await validate(
        drydock,
        f"deckhand+http://{service.host}/site",
        **{"X-Context-Marker": MARKER, "X-End-User": "eve"},
    )
    assert answer.status_code == 200, answer.text
    caller, headers = service.fetched[0]
    assert (caller.user, caller.external_marker, caller.end_user) == ("drydock", MARKER, "eve")
    assert headers["X-Auth-Token"] != drydock.admin["X-Auth-Token"]


async def test_a_token_that_was_revoked_is_renewed_once(drydock, service, keystone):
    reference = f"promenade+http://{service.host}/site"
    assert (await validate(drydock, reference)).status_code == 200
    keystone.revoke(service.fetched[0][1]["X-Auth-Token"])
    assert (await validate(drydock, reference)).status_code == 200
    assert [caller.authenticated for caller in service.callers] == [True, False, True]


async def test_a_plain_reference_never_carries_the_token(drydock, service):
    answer = await validate(drydock, f"http://{service.host}/site")
    assert answer.status_code == 400
    assert "401" in answer.text
    assert all("X-Auth-Token" not in headers for _, headers in service.fetched)


async def test_the_token_does_not_follow_a_redirect_to_another_host(drydock, service):
    answer = await validate(drydock, f"deckhand+http://{service.host}/moving")
    assert answer.status_code == 200, answer.text
    assert "X-Auth-Token" in service.fetched[0][1]
    assert len(service.moved) == 1
    for name in ("X-Auth-Token", "X-Context-Marker", "X-End-User", "Authorization"):
        assert name not in service.moved[0]


async def test_the_token_goes_to_no_host_that_is_not_listed(drydock, service):
    answer = await validate(drydock, f"deckhand+http://{service.elsewhere}/site")
    assert answer.status_code == 400
    assert service.moved == []
