"""Designs are loaded once, shared, and kept until they change."""

import asyncio
import hashlib
import threading

import pytest

from drydockd.design import Design, Designs, compiler, designs
from drydockd.errors import InvalidDesign, SourceUnavailable
from drydockd.site import Catalogue, Site, Unrenderable
from tests.cases import CASES
from tests.design.helpers import BASE, document, node, stream
from tests.design.servers import Server, reply
from tests.designs import ROOT, design_path

CONTENT = stream(*BASE, node("n"))


async def here(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


async def no_sleep(seconds: float) -> None:
    return None


@pytest.fixture
async def loader(tmp_path):
    loader = Designs(
        allowed_roots=[tmp_path, ROOT],
        allow_loopback=True,
        resolve=here,
        sleep=no_sleep,
    )
    yield loader
    await loader.close()


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "site.yaml"
    file.write_bytes(CONTENT)
    return file


async def test_a_design_is_loaded(loader, file):
    design = await loader.load(f"file://{file}")
    assert design.ok
    assert list(design.site.nodes) == ["n"]
    assert design.content == CONTENT
    assert design.digest == hashlib.sha256(CONTENT).hexdigest()
    assert design.ref == f"file://{file}"


async def test_an_unchanged_reference_is_the_same_design(loader, file):
    first = await loader.load(f"file://{file}")
    assert await loader.load(f"file://{file}") is first


async def test_an_edited_file_is_another_design(loader, file):
    first = await loader.load(f"file://{file}")
    file.write_bytes(CONTENT.replace(b'"n"', b'"m"'))
    second = await loader.load(f"file://{file}")
    assert list(second.site.nodes) == ["m"]
    assert list(first.site.nodes) == ["n"]


async def test_the_same_bytes_under_another_name_share_the_site(loader, file):
    first = await loader.load(f"file://{file}")
    pinned = await loader.compile(bytes(bytearray(CONTENT)), "pinned")
    assert pinned.site is first.site
    assert pinned.ref == "pinned"


async def test_concurrent_loads_share_one_fetch_and_one_compile(loader, monkeypatch):
    compiled = []
    real = compiler.compile_site

    def counted(*given):
        compiled.append(1)
        return real(*given)

    monkeypatch.setattr(compiler, "compile_site", counted)
    async with Server(lambda r: reply(CONTENT)) as server:
        ref = f"http://h:{server.port}/"
        found = await asyncio.gather(*(loader.load(ref) for _ in range(10)))
        again = await asyncio.gather(*(loader.compile(CONTENT, "x") for _ in range(3)))
    assert len({id(design.site) for design in (*found, *again)}) == 1
    assert (len(server.requests), len(compiled)) == (1, 1)


@pytest.mark.parametrize(
    "ref", ["ftp://h/", "http://[::1/", "file:///gone", "", "file:///etc/passwd"]
)
async def test_a_reference_that_stays_bad_is_a_design_with_a_finding(loader, ref):
    design = await loader.load(ref)
    assert not design.ok
    assert (design.digest, design.content, design.site) == ("", b"", Site())
    assert [(f.code, f.documents) for f in design.findings] == [("DD000", ())]
    with pytest.raises(InvalidDesign):
        await loader.fetch(ref)


async def test_a_source_that_is_away_is_an_error_and_is_asked_again(loader):
    answers = iter([reply(status=503)] * 3 + [reply(CONTENT)])
    async with Server(lambda r: next(answers)) as server:
        ref = f"http://h:{server.port}/"
        with pytest.raises(SourceUnavailable, match="503"):
            await loader.load(ref)
        assert (await loader.load(ref)).ok


async def test_a_broken_stream_is_a_design_with_a_finding(loader):
    for content in (b"a: [", b"\xff", b""):
        design = await loader.compile(content, "ref")
        assert len(design.findings) == 1
        assert design.ok is (content == b"")


async def test_loading_again_adds_no_messages(loader):
    ref = f"file://{design_path('foundry')}"
    first = await loader.load(ref)
    messages = await loader.validate(first, None)
    routes = {name: network.routes for name, network in first.site.networks.items()}
    for _ in range(2):
        design = await loader.load(ref)
        again = await loader.validate(design, None)
        assert [f.message for f in again] == [f.message for f in messages]
        assert {name: n.routes for name, n in design.site.networks.items()} == routes


async def test_a_design_that_does_not_compile_is_not_judged(loader):
    design = await loader.compile(stream(document("Rack", "r", {"x": 1})), "ref")
    assert await loader.validate(design, None) == list(design.findings)


async def test_every_rule_judges_a_design_that_compiles(loader, file):
    design = await loader.load(f"file://{file}")
    findings = await loader.validate(design, Catalogue({}))
    assert len({finding.code for finding in findings}) > 5


async def test_what_is_kept_is_bounded_in_number_and_time(file, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(designs, "KEPT_DESIGNS", 2)
    loader = Designs(clock=lambda: now[0])
    contents = [stream(document("Rack", name, {})) for name in "abc"]
    sites = [(await loader.compile(content, "r")).site for content in contents]
    assert (await loader.compile(contents[2], "r")).site is sites[2]
    assert (await loader.compile(contents[0], "r")).site is not sites[0]
    now[0] += designs.KEPT_SECONDS + 1
    assert (await loader.compile(contents[2], "r")).site is not sites[2]
    await loader.close()


async def test_what_is_kept_is_bounded_in_weight_but_the_last_is_kept():
    contents = [stream(document("Rack", name, {})) for name in "ab"]
    loader = Designs(kept_bytes=len(contents[0]) + 10)
    first, second = [(await loader.compile(content, "r")).site for content in contents]
    assert (await loader.compile(contents[1], "r")).site is second
    assert (await loader.compile(contents[0], "r")).site is not first
    await loader.close()


async def test_the_content_is_not_shown(loader, file):
    assert "hardware_profile" not in repr(await loader.load(f"file://{file}"))


async def test_the_loop_goes_on_while_a_design_compiles(loader, monkeypatch):
    """How long it is held at most is measured by bench/design.py, on 5,000 nodes."""
    started, release = threading.Event(), threading.Event()
    compile_site = compiler.compile_site

    def slow(*given):
        started.set()
        assert release.wait(20), "the loop stood still while the design was compiled"
        return compile_site(*given)

    monkeypatch.setattr(compiler, "compile_site", slow)
    task = asyncio.create_task(loader.compile(stream(*BASE, node("n1")), "ref"))
    while not started.is_set():
        await asyncio.sleep(0)
    release.set()
    assert isinstance(await task, Design)


async def test_closing_twice_is_harmless(file):
    loader = Designs(allowed_roots=[file.parent])
    await loader.load(f"file://{file}")
    await loader.close()
    await loader.close()


async def test_what_cannot_be_rendered_and_which_oob_types_are_enabled_is_told_to_the_rules(
    tmp_path,
):
    path = tmp_path / "site.yaml"
    path.write_bytes(CASES["base"])
    tried = []

    async def trial(site):
        tried.append(site)
        return [Unrenderable("node1", "hello", "node1: boot action hello, file /x: why")]

    loader = Designs(allowed_roots=[tmp_path], trial=trial, oob_types=("manual",))
    design = await loader.load(f"file://{path}")
    for _ in range(2):
        errors = [f for f in await loader.validate(design, None) if f.error]
        assert [f.code for f in errors] == ["DD2909", "DD2911"]
    assert len(tried) == 1  # remembered with the design
    await loader.close()


async def test_in_a_lab_a_line_stands_for_a_source_that_cannot_be_fetched(tmp_path):
    absent = f"file://{tmp_path}/not-there"
    lab = Designs(allowed_roots=[tmp_path], stubs_absent=True)
    assert await lab.fetch(absent) == f"stub content of {absent}\n".encode()
    (tmp_path / "there").write_bytes(b"content")
    assert await lab.fetch(f"file://{tmp_path}/there") == b"content"
    with pytest.raises((InvalidDesign, SourceUnavailable)):
        await Designs(allowed_roots=[tmp_path]).fetch(absent)
    await lab.close()
