"""How often a reference is tried, how long its answer is believed, what is forwarded."""

import asyncio

import pytest

from drydockd.api.headers import clean, decoded
from drydockd.design.budget import Budget
from drydockd.design.confinement import Hosts
from drydockd.design.file_source import Roots
from drydockd.design.http_source import HttpSource
from drydockd.design.sources import Sources, longest_fetch
from drydockd.errors import InvalidDesign, SourceUnavailable
from tests.design.servers import Server, reply


class Clock:
    """Time that passes only when somebody sleeps or a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Tokens:
    async def token(self) -> str:
        return "token"

    def forget(self) -> None: ...


async def here(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def make(clock, tmp_path):
    made = []

    def make(**options) -> Sources:
        http = HttpSource(Hosts(allow_loopback=True), resolve=here, token=Tokens())
        roots = Roots([tmp_path], max_bytes=1000)
        made.append(Sources(roots, http, sleep=clock.sleep, clock=clock, **options))
        return made[-1]

    yield make
    for sources in made:
        await sources.close()


async def test_a_failure_that_may_pass_is_tried_again_after_5_and_25_seconds(make, clock):
    answers = iter([reply(status=503), None, reply(b"third")])
    async with Server(lambda r: next(answers)) as server:
        assert await make().fetch(f"http://h:{server.port}/") == b"third"
    assert clock.slept == [5.0, 25.0]


async def test_after_the_last_attempt_the_cause_is_raised_without_waiting(make, clock):
    async with Server(lambda r: reply(status=503)) as server:
        with pytest.raises(SourceUnavailable, match="503"):
            await make().fetch(f"http://h:{server.port}/")
        assert len(server.requests) == 3
    assert clock.slept == [5.0, 25.0]


@pytest.mark.parametrize("attempts", [1, 0, -5])
async def test_there_is_always_one_attempt(make, clock, attempts):
    async with Server(lambda r: reply(status=503)) as server:
        with pytest.raises(SourceUnavailable):
            await make(attempts=attempts).fetch(f"http://h:{server.port}/")
        assert len(server.requests) == 1
    assert clock.slept == []


async def test_what_will_not_pass_is_not_tried_again(make, clock, tmp_path):
    sources = make()
    async with Server(lambda r: reply(status=404)) as server:
        for reference in (f"http://h:{server.port}/", f"file://{tmp_path}/gone", "ftp://h/"):
            with pytest.raises(InvalidDesign):
                await sources.fetch(reference)
        assert len(server.requests) == 1
    assert clock.slept == []


async def test_an_answer_is_believed_for_its_lifetime(make, clock):
    async with Server() as server:
        sources, reference = make(), f"http://h:{server.port}/"
        for _ in range(3):
            assert await sources.fetch(reference) == b"content"
            clock.now += 80
        assert len(server.requests) == 1
        clock.now += 20
        await sources.fetch(reference)
        assert len(server.requests) == 2


async def test_after_its_lifetime_only_news_are_asked_for(make, clock):
    def answer(request):
        known = request.headers.get("if-none-match") == '"v1"'
        return reply(status=304) if known else reply(b"content", ETag='"v1"')

    async with Server(answer) as server:
        sources, reference = make(), f"http://h:{server.port}/"
        first = await sources.fetch(reference)
        clock.now += 181
        assert await sources.fetch(reference) is first
        clock.now += 179
        assert await sources.fetch(reference) is first
        assert len(server.requests) == 2


async def test_the_lifetime_is_180_seconds_at_most_and_may_be_none(make, clock):
    async with Server() as server:
        reference = f"http://h:{server.port}/"
        long, none = make(lifetime_seconds=10_000), make(lifetime_seconds=0)
        await long.fetch(reference)
        clock.now += 181
        await long.fetch(reference)
        await none.fetch(reference)
        await none.fetch(reference)
        assert len(server.requests) == 4


async def test_no_failure_is_remembered(make, clock):
    answers = iter([reply(status=404), reply(b"fine"), reply(status=500), reply(b"new")])
    async with Server(lambda r: next(answers)) as server:
        sources, reference = make(attempts=1), f"http://h:{server.port}/"
        with pytest.raises(InvalidDesign):
            await sources.fetch(reference)
        assert await sources.fetch(reference) == b"fine"
        clock.now += 181
        with pytest.raises(SourceUnavailable):
            await sources.fetch(reference)
        assert await sources.fetch(reference) == b"new"


async def test_files_are_never_remembered(make, tmp_path):
    file = tmp_path / "a b.yaml"
    file.write_bytes(b"one")
    sources, reference = make(), f"file://{tmp_path}/a%20b.yaml"
    assert await sources.fetch(reference) == b"one"
    file.write_bytes(b"two")
    assert await sources.fetch(reference) == b"two"


async def test_concurrent_fetches_of_one_reference_are_one(make):
    gate = asyncio.Event()

    async def answer(request):
        await gate.wait()
        return reply(b"content")

    async with Server(answer) as server:
        sources = make()
        url = f"http://h:{server.port}/"
        calls = [asyncio.create_task(sources.fetch(url)) for _ in range(5)]
        other = asyncio.create_task(sources.fetch(url + "other"))
        while len(server.requests) < 2:
            await asyncio.sleep(0)
        gate.set()
        assert set(await asyncio.gather(*calls, other)) == {b"content"}
        assert sorted(r.target for r in server.requests) == ["/", "/other"]


async def test_marker_and_user_are_forwarded_to_services_only(make):
    async with Server() as server:
        sources = make()
        for scheme in ("deckhand+http", "promenade+http", "http"):
            await sources.fetch(f"{scheme}://h:{server.port}/", marker="m", end_user="u")
        await sources.fetch(f"deckhand+http://h:{server.port}/2")
    names = ("x-context-marker", "x-end-user")
    assert [[r.headers.get(name) for name in names] for r in server.requests] == [
        ["m", "u"],
        ["m", "u"],
        [None, None],
        [None, None],
    ]


async def test_a_scheme_may_be_switched_off(make, tmp_path):
    with pytest.raises(InvalidDesign, match=r"network\.allowed_schemes"):
        await make(schemes=["http"]).fetch(f"file://{tmp_path}/x")


async def test_what_is_kept_is_bounded(make, monkeypatch):
    monkeypatch.setattr("drydockd.design.sources.KEPT_ANSWERS", 2)
    monkeypatch.setattr("drydockd.design.sources.KEPT_BYTES", 20)
    async with Server() as server:
        sources, url = make(), f"http://h:{server.port}/"
        for path in ("a", "b", "a", "c", "a", "b"):
            await sources.fetch(url + path)
        assert [r.target for r in server.requests] == ["/a", "/b", "/c", "/b"]


async def test_a_document_too_large_to_keep_is_still_answered(make, monkeypatch):
    monkeypatch.setattr("drydockd.design.sources.KEPT_BYTES", 3)
    async with Server() as server:
        assert await make().fetch(f"http://h:{server.port}/") == b"content"


async def test_warnings_of_attempts_name_no_password(make, caplog):
    async with Server(lambda r: reply(status=503)) as server:
        with pytest.raises(SourceUnavailable) as caught:
            await make().fetch(f"http://user:pass@h:{server.port}/")
    assert "attempt 1 of 3" in caplog.text
    assert "pass" not in caplog.text + str(caught.value)


def test_a_source_that_never_answers_is_given_up_after_all_attempts_and_pauses():
    as_shipped = {"connect_timeout": 16, "read_timeout": 300}
    assert longest_fetch(**as_shipped, attempts=3) == 6 * 316 + 5 + 25
    assert longest_fetch(**as_shipped, attempts=1) == 2 * 316
    assert longest_fetch(**as_shipped, attempts=20) == 40 * 316 + 5 + 25 + 125 + 16 * 300


@pytest.mark.parametrize("user", ["Jörg Müller", "李", "a\r\nX-Roles: admin", "100 %"])
async def test_any_name_of_a_user_reaches_a_service_encoded(make, user):
    async with Server(lambda r: reply(b"x")) as server:
        await make().fetch(f"deckhand+http://h:{server.port}/", end_user=user)
    (request,) = server.requests
    assert decoded(request.headers["x-end-user"]) == clean(user)
    assert "x-roles" not in request.headers


async def test_an_etag_that_cannot_be_sent_back_is_not_sent_back(make, clock):
    answers = iter([reply(b"first", etag='"é"'), reply(b"second")])
    sources = make()
    async with Server(lambda r: next(answers)) as server:
        ref = f"http://h:{server.port}/"
        assert await sources.fetch(ref) == b"first"
        clock.now += 1000
        assert await sources.fetch(ref) == b"second"
    assert "if-none-match" not in server.requests[1].headers


async def test_all_fetches_together_have_a_budget_until_they_are_done_with(make):
    """Twelve references of 60 MiB took 1.4 GiB."""
    budget = Budget(fetches=32, most_bytes=250, wait_seconds=600)
    sources, most = make(budget=budget, lifetime_seconds=0), []
    async with Server(lambda r: reply(b"x" * 100)) as server:

        async def use(number):
            async with sources.fetched(f"http://h:{server.port}/{number}") as content:
                await asyncio.sleep(0)
                most.append(budget.used_bytes)
            return len(content)

        assert await asyncio.gather(*map(use, range(12))) == [100] * 12
    # One document more than the budget.
    assert 100 <= max(most) <= 350
    assert budget.used_bytes == 0


async def test_files_count_as_well(make, tmp_path):
    budget = Budget(fetches=32, most_bytes=250, wait_seconds=600)
    sources = make(budget=budget)
    (tmp_path / "a").write_bytes(b"x" * 100)
    async with sources.fetched(f"file://{tmp_path}/a"):
        assert budget.used_bytes == 100
    assert budget.used_bytes == 0


async def test_files_small_and_large_wait_for_room(make, tmp_path, monkeypatch):
    monkeypatch.setattr("drydockd.design.sources.SMALL_BYTES", 100)
    (tmp_path / "small").write_bytes(b"x" * 100)
    (tmp_path / "large").write_bytes(b"x" * 101)
    for name, size in (("small", 100), ("large", 101)):
        budget = Budget(fetches=32, most_bytes=150, wait_seconds=600)
        sources = make(budget=budget)
        async with sources.fetched(f"file://{tmp_path}/small"):
            waiting = asyncio.create_task(sources.fetch(f"file://{tmp_path}/{name}"))
            async with asyncio.timeout(20):
                while not any(hold.waits_for for hold in budget._reading):
                    await asyncio.sleep(0)
            assert budget.used_bytes == 100
        assert len(await waiting) == size
        assert budget.used_bytes == 0


async def test_who_shares_a_fetch_shares_its_bytes(make):
    budget = Budget(fetches=32, most_bytes=1000, wait_seconds=600)
    sources = make(budget=budget)
    async with Server(lambda r: reply(b"x" * 100)) as server:
        ref = f"http://h:{server.port}/"

        async def use():
            async with sources.fetched(ref):
                return budget.used_bytes

        assert set(await asyncio.gather(*(use() for _ in range(5)))) == {100}
    assert budget.used_bytes == 0


async def test_a_failed_attempt_leaves_nothing_counted(make):
    budget = Budget(fetches=1, most_bytes=1000, wait_seconds=600)
    sources = make(budget=budget, attempts=2)
    async with Server(lambda r: b"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\nx") as server:
        with pytest.raises(SourceUnavailable):
            await sources.fetch(f"http://h:{server.port}/")
    assert budget.used_bytes == 0
    async with Server(lambda r: reply(b"y")) as server:
        assert await sources.fetch(f"http://h:{server.port}/") == b"y"


async def test_only_so_many_are_asked_at_once_and_half_of_them_at_one_host(make):
    sources = make(budget=Budget(fetches=4, most_bytes=1000, wait_seconds=600))
    asked, release = [], asyncio.Event()

    async def answer(request):
        asked.append(request)
        await release.wait()
        return reply(b"x")

    async with Server(answer) as server:
        refs = [f"http://one:{server.port}/{n}" for n in range(5)]
        refs += [f"http://two:{server.port}/{n}" for n in range(5)]
        fetches = [asyncio.create_task(sources.fetch(ref)) for ref in refs]
        while len(asked) < 4:
            await asyncio.sleep(0)
        hosts = sorted(request.headers["host"].split(":")[0] for request in asked)
        assert hosts == ["one", "one", "two", "two"]
        release.set()
        assert await asyncio.gather(*fetches) == [b"x"] * 10
