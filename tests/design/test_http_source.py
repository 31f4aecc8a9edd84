"""One attempt at an http reference: what is sent where, and what each answer means."""

import asyncio
import base64

import pytest

from drydockd.design.budget import Budget
from drydockd.design.confinement import Hosts, ServiceHosts
from drydockd.design.http_source import Answer, HttpSource, resolve_name
from drydockd.design.references import parse
from drydockd.errors import InvalidDesign, SourceUnavailable, Unavailable
from tests.design.servers import Server, certificate, reply

BUDGET = Budget(fetches=8, most_bytes=1 << 30, wait_seconds=60)


class Tokens:
    """A token source that counts."""

    def __init__(self) -> None:
        self.given = 0
        self.forgotten = 0

    async def token(self) -> str:
        self.given += 1
        return f"token-{self.forgotten}"

    def forget(self) -> None:
        self.forgotten += 1


async def here(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


def source(**options) -> HttpSource:
    options = {"resolve": here, "connect_timeout": 5, "read_timeout": 5} | options
    return HttpSource(options.pop("hosts", Hosts(allow_loopback=True)), **options)


async def get(reference: str, known: Answer | None = None, headers=None, **options) -> Answer:
    return await source(**options).get(
        parse(reference), headers=headers or {}, known=known, hold=BUDGET.open()
    )


async def refusal(reference: str, kind=InvalidDesign, **options) -> str:
    with pytest.raises(kind) as caught:
        await get(reference, **options)
    return str(caught.value)


async def test_an_answer_has_content_and_validators():
    headers = {"ETag": '"v1"', "Last_Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}
    async with Server(lambda r: reply(b"text", **headers)) as server:
        url = f"http://h.example:{server.port}/x?a=b"
        answer = await get(url)
    assert answer == Answer(b"text", url, '"v1"', "Mon, 01 Jan 2024 00:00:00 GMT")
    (request,) = server.requests
    assert request.target == "/x?a=b"
    assert request.headers["host"] == f"h.example:{server.port}"
    assert request.headers["accept-encoding"] == "identity"
    assert "authorization" not in request.headers
    assert "x-auth-token" not in request.headers


async def test_basic_authentication_is_decoded():
    async with Server() as server:
        await get(f"http://us%40er:p%40ss@h:{server.port}/")
    expected = "Basic " + base64.b64encode(b"us@er:p@ss").decode()
    assert server.requests[0].headers["authorization"] == expected


async def test_headers_and_the_token_go_to_the_service():
    async with Server() as server:
        await get(
            f"deckhand+http://h:{server.port}/x", token=Tokens(), headers={"X-Context-Marker": "m"}
        )
    headers = server.requests[0].headers
    assert (headers["x-auth-token"], headers["x-context-marker"]) == ("token-0", "m")


async def test_a_refused_token_is_renewed_once():
    tokens = Tokens()

    def answer(request):
        return reply(b"ok") if request.headers["x-auth-token"] == "token-1" else reply(status=401)

    async with Server(answer) as server:
        assert (await get(f"deckhand+http://h:{server.port}/", token=tokens)).content == b"ok"
        assert tokens.forgotten == 1
    async with Server(lambda r: reply(status=401)) as server:
        assert "401 twice" in await refusal(f"promenade+http://h:{server.port}/", token=Tokens())
        assert len(server.requests) == 2


async def test_a_service_needs_an_account_and_a_place_on_the_list():
    assert "keystone_authtoken" in await refusal("deckhand+http://h/")
    message = await refusal(
        "deckhand+http://h/", token=Tokens(), service_hosts=ServiceHosts(["other"])
    )
    assert "auth.service_hosts" in message


async def test_without_keystone_the_source_is_away():
    class Away(Tokens):
        async def token(self) -> str:
            raise Unavailable("Keystone does not answer")

    assert "Keystone" in await refusal("deckhand+http://h/", SourceUnavailable, token=Away())


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429])
async def test_an_answer_that_may_pass_says_so(status):
    async with Server(lambda r: reply(b"secret", status=status)) as server:
        message = await refusal(f"http://u:pw@h:{server.port}/", SourceUnavailable)
    assert str(status) in message
    assert "secret" not in message
    assert "pw" not in message


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 304, 300, 307])
async def test_an_answer_that_will_not_pass_says_so(status):
    async with Server(lambda r: reply(b"page", status=status)) as server:
        assert str(status) in await refusal(f"http://h:{server.port}/")


@pytest.mark.parametrize("status", [200, 201, 203])
async def test_every_success_is_one(status):
    async with Server(lambda r: reply(b"page", status=status)) as server:
        assert (await get(f"http://h:{server.port}/")).content == b"page"


async def test_what_is_known_is_only_asked_for_news():
    async with Server(lambda r: reply(status=304)) as server:
        url = f"http://h:{server.port}/"
        known = Answer(b"old", url, '"v1"', "yesterday")
        assert await get(url, known) is known
        headers = server.requests[0].headers
        assert (headers["if-none-match"], headers["if-modified-since"]) == ('"v1"', "yesterday")
    async with Server(lambda r: reply(b"new")) as server:
        url = f"http://h:{server.port}/"
        assert (await get(url, Answer(b"old", url, '"v1"'))).content == b"new"


async def test_a_redirect_is_followed():
    def answer(request):
        return reply(b"there") if request.target == "/b?c" else reply(status=302, Location="/b?c")

    async with Server(answer) as server:
        found = await get(f"http://user:pass@h:{server.port}/a")
    assert (found.content, found.url) == (b"there", f"http://h:{server.port}/b?c")
    assert "authorization" in server.requests[1].headers


async def test_conditions_go_to_where_the_content_came_from():
    def answer(request):
        return reply(status=304) if request.target == "/b" else reply(status=302, Location="/b")

    async with Server(answer) as server:
        url = f"http://h:{server.port}"
        known = Answer(b"old", f"{url}/b", '"v1"')
        assert await get(f"{url}/a", known) is known
    assert "if-none-match" not in server.requests[0].headers
    assert "if-none-match" in server.requests[1].headers


@pytest.mark.parametrize("other", ["http://other:{port}/b", "http://h:{port2}/b"])
async def test_credentials_stay_with_the_host_the_reference_names(other):
    async with Server() as second:
        location = []
        async with Server(lambda r: reply(status=307, Location=location[0])) as first:
            location.append(other.format(port=second.port, port2=second.port))
            await get(
                f"deckhand+http://h:{first.port}/",
                token=Tokens(),
                headers={"X-End-User": "u"},
            )
            await get(f"http://user:pass@h:{first.port}/")
    for request in second.requests:
        assert not {"x-auth-token", "x-end-user", "authorization"} & set(request.headers)


@pytest.mark.parametrize(
    ("location", "what"),
    [
        ("file:///etc/passwd", "not http"),
        ("ftp://h/", "not http"),
        ("deckhand+http://h/", "not http"),
        ("http://169.254.169.254/latest", "link-local"),
        ("http://metadata.example/", "link-local"),
        ("http://10.0.0.1/", "network.allowed_hosts"),
        ("http://[::ffff:169.254.169.254]/", "link-local"),
        ("http://h:port/", "not a URI"),
        ("/", "more than 5 redirects"),
    ],
)
async def test_a_redirect_is_confined_like_the_reference(location, what):
    async def resolve(host, port):
        literal = {"metadata.example": ["169.254.169.254"], "h": ["127.0.0.1"]}
        return literal.get(host) or [host]

    async with Server(lambda r: reply(status=302, Location=location)) as server:
        url = f"http://h:{server.port}/"
        hosts = Hosts(["h", "metadata.example", "10.0.0.*"], allow_loopback=True)
        if "10.0.0.1" not in location:
            hosts = Hosts(allow_loopback=True)
        assert what in await refusal(url, resolve=resolve, hosts=hosts)


async def test_a_name_that_resolves_to_a_refused_address_is_refused():
    async def resolve(host, port):
        return ["169.254.169.254"]

    assert "link-local" in await refusal("http://innocent.example/", resolve=resolve)


async def test_the_address_that_was_checked_is_the_one_connected_to():
    """A name server that changes its answer between check and use gains nothing."""
    answers = iter([["127.0.0.1"], ["169.254.169.254"], ["169.254.169.254"]])

    async def resolve(host, port):
        return next(answers)

    async with Server() as server:
        url = f"http://rebind.example:{server.port}/"
        assert (await get(url, resolve=resolve)).content == b"content"
    assert len(list(answers)) == 2


async def test_refused_addresses_among_good_ones_are_left_out():
    async def resolve(host, port):
        return ["169.254.169.254", "127.0.0.1"]

    async with Server() as server:
        assert (await get(f"http://h:{server.port}/", resolve=resolve)).content == b"content"


async def test_the_next_address_is_tried_when_one_does_not_answer():
    async def resolve(host, port):
        return ["127.0.0.9", "127.0.0.1"]

    async with Server() as server:
        assert (await get(f"http://h:{server.port}/", resolve=resolve)).content == b"content"


async def test_what_does_not_connect_or_resolve_may_pass():
    async def fails(host, port):
        raise OSError("Name or service not known")

    async def nothing(host, port):
        return []

    async with Server() as server:
        closed = server.port
    assert "ConnectError" in await refusal(f"http://h:{closed}/", SourceUnavailable)
    assert "does not resolve" in await refusal("http://h/", SourceUnavailable, resolve=fails)
    assert "no address" in await refusal("http://h/", SourceUnavailable, resolve=nothing)


@pytest.mark.parametrize(
    "answer",
    [None, b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"],
    ids=["hangs up", "no http", "cut short"],
)
async def test_a_broken_answer_may_pass(answer):
    async with Server(lambda r: answer) as server:
        await refusal(f"http://h:{server.port}/", SourceUnavailable)


async def test_a_silent_source_is_given_up():
    async with Server(lambda r: asyncio.Event().wait()) as server:
        url = f"http://h:{server.port}/"
        assert "ReadTimeout" in await refusal(url, SourceUnavailable, read_timeout=0.05)


async def test_a_source_that_drips_is_given_up_too():
    class Drip(Server):
        async def serve(self, reader, writer):
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.001)

    async with Drip() as server:
        message = await refusal(
            f"http://h:{server.port}/", SourceUnavailable, read_timeout=0.1, connect_timeout=0.1
        )
    assert "no complete answer within 0.2 s" in message


async def test_the_size_is_limited_however_it_is_sent():
    big = b"x" * 1001
    chunked = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + big + b"\r\n0\r\n\r\n"
    )
    for answer in (reply(big), chunked):
        async with Server(lambda r, answer=answer: answer) as server:
            message = await refusal(f"http://h:{server.port}/", max_bytes=1000)
            assert "network.max_document_bytes" in message


async def test_compressed_content_is_refused():
    async with Server(lambda r: reply(b"x", Content_Encoding="gzip")) as server:
        assert "gzip" in await refusal(f"http://h:{server.port}/")


async def test_a_host_that_is_not_listed_is_not_even_resolved():
    async def resolve(host, port):
        raise AssertionError("resolved")

    message = await refusal("http://h/", hosts=Hosts(["other"]), resolve=resolve)
    assert "network.allowed_hosts" in message


async def test_tls_is_checked_against_the_name_though_the_address_is_connected_to():
    theirs, ours = certificate("h.example")
    async with Server(tls=theirs) as server:
        good = f"https://h.example:{server.port}/"
        assert (await get(good, tls=ours)).content == b"content"
        other = await refusal(f"https://evil.example:{server.port}/", SourceUnavailable, tls=ours)
        assert "certificate" in other.lower()
        untrusted = await refusal(good, SourceUnavailable)
        assert "certificate" in untrusted.lower()


async def test_tls_to_an_address_is_checked_against_the_address():
    theirs, ours = certificate("127.0.0.1")
    async with Server(tls=theirs) as server:
        url = f"https://127.0.0.1:{server.port}/"
        assert (await get(url, tls=ours)).content == b"content"


async def test_proxies_of_the_environment_are_not_used(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with Server() as server:
        assert (await get(f"http://h:{server.port}/")).content == b"content"


async def test_names_are_resolved_by_the_system():
    assert "127.0.0.1" in await resolve_name("localhost", 80)


@pytest.mark.parametrize(
    "location", ["http://u:secret@ho st/", "http://u:secret@[x]/", "http://\x80/"]
)
async def test_a_redirect_to_no_uri_tells_no_password(location):
    async with Server(lambda r: reply(status=302, Location=location)) as server:
        message = await refusal(f"http://h:{server.port}/")
    assert "secret" not in message


async def test_a_document_that_waits_for_room_to_the_end_says_so(monkeypatch):
    deadlines, timeout = [], asyncio.timeout

    def kept(seconds):
        deadlines.append(timeout(seconds))
        return deadlines[-1]

    budget = Budget(fetches=8, most_bytes=10, wait_seconds=600)
    await budget.open().grow(10)
    hold = budget.open()
    async with Server(lambda r: reply(b"x")) as server:
        reference = parse(f"http://127.0.0.1:{server.port}/")
        monkeypatch.setattr(asyncio, "timeout", kept)
        fetch = asyncio.create_task(source().get(reference, headers={}, hold=hold))
        while not hold.waits_for:
            await asyncio.sleep(0)
        # When its time is over, the first deadline,
        deadlines[0].reschedule(asyncio.get_running_loop().time())
        with pytest.raises(SourceUnavailable) as away:
            await fetch
    # then it says for what it waited.
    assert "no complete answer within 10 s, it waited for room: 0.0 MiB of" in str(away.value)
    assert "network.fetch_bytes" in str(away.value)
