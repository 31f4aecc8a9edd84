"""Small designs are compiled here, others in a process that may end as it likes."""

import asyncio
import os
import signal

import pytest

from drydockd.design.compile import compile_site
from drydockd.design.compiler import SMALL_BYTES, CompileLimits, Compiler
from drydockd.errors import Unavailable
from tests.design.helpers import BASE, document, node, stream
from tests.designs import design_path

pytestmark = pytest.mark.slow

SMALL = stream(*BASE, node("n"))
LARGE = design_path("foundry").read_bytes() + b"# " + b"x" * SMALL_BYTES + b"\n"
assert len(LARGE) > SMALL_BYTES > len(SMALL)


@pytest.fixture
async def compiler():
    compiler = Compiler(CompileLimits())
    yield compiler
    await compiler.close()


def hungry() -> bytes:
    """Many times a profile of many values, each time with a little change: 30 MB of objects."""
    interfaces = {f"i{k}": {"device_link": "l", "slaves": ["a"] * 20} for k in range(300)}
    nodes = [
        document(
            "BaremetalNode",
            f"n{k}",
            {
                "host_profile": "p",
                "interfaces": {"i0": {"networks": ["x"]}},
                "addressing": [{"network": "n", "address": "10.0.0.1"}],
            },
        )
        for k in range(500)
    ]
    profile = {"hardware_profile": "h", "interfaces": interfaces}
    return stream(
        document("HardwareProfile", "h", {}), document("HostProfile", "p", profile), *nodes
    )


async def test_a_small_design_needs_no_process(compiler):
    made = await compiler.compile(SMALL, "me")
    assert (made.site, made.findings) == compile_site(SMALL)
    assert not compiler.workers.idle


async def test_a_small_design_with_anchors_is_no_small_one(compiler):
    made = await compiler.compile(b"a: &b c\n", "me")
    assert [finding.error for finding in made.findings] == [False]
    assert compiler.workers.idle


async def test_a_large_design_is_the_same_from_a_process(compiler):
    made = await compiler.compile(LARGE, "me")
    assert (made.site, made.findings) == compile_site(LARGE)
    assert made.judged
    assert made.size_bytes > 0


async def test_a_design_that_takes_too_much_memory_is_refused_and_the_next_is_not():
    """Below every limit of a document it took 1.2 GiB of the daemon's own memory."""
    compiler = Compiler(CompileLimits(memory_bytes=16 << 20))
    made = await compiler.compile(hungry(), "me")
    assert [finding.message for finding in made.findings] == [
        "the design cannot be compiled: it needs more than 16 MiB of memory."
    ]
    assert not made.site.nodes
    assert (await compiler.compile(b"# &\n" + SMALL, "me")).site.nodes
    await compiler.close()


async def test_a_killed_process_says_nothing_about_the_design(compiler):
    await compiler.compile(LARGE, "me")
    (process,) = compiler.workers.idle
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(Unavailable, match="the design was not compiled, its worker failed"):
        await compiler.compile(LARGE, "me")
    assert (await compiler.compile(LARGE, "me")).site.nodes


async def test_one_owner_does_not_keep_the_others_waiting(compiler):
    await compiler.compile(LARGE, "me")
    (process,) = compiler.workers.idle
    os.kill(process.pid, signal.SIGSTOP)
    mine = [asyncio.create_task(compiler.compile(LARGE, "me")) for _ in range(3)]
    while not compiler.workers.busy:
        await asyncio.sleep(0)
    assert (await compiler.compile(LARGE, "another")).site.nodes
    assert not any(one.done() for one in mine)
    os.kill(process.pid, signal.SIGCONT)
    assert all(made.site.nodes for made in await asyncio.gather(*mine))


async def test_processes_without_work_are_let_go(compiler):
    await compiler.compile(LARGE, "me")
    (process,) = compiler.workers.idle
    compiler.workers.retire()
    assert await process.wait() == 0
    assert (await compiler.compile(LARGE, "me")).site.nodes
