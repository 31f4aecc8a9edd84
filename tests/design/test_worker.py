"""The worker's side, run in this process: a design compiled by a child with limits."""

import os
import signal

import pytest

from drydockd.apart import Limits
from drydockd.design import parcels, worker
from drydockd.design.compile import compile_site
from drydockd.design.validate import judge
from tests.design.helpers import document, stream
from tests.designs import design_path

LIMITS = Limits(seconds=60, memory_bytes=128 << 20, answer_bytes=1 << 20)


@pytest.fixture(autouse=True, scope="module")
def _ready_to_fork():
    worker.warm_up()


def answer_to(content, limits=LIMITS, expansion=1000):
    return worker.answer(b"".join(worker.job(content, limits, expansion)))


def test_a_design_is_compiled_and_judged():
    content = design_path("foundry").read_bytes()
    site, findings = compile_site(content)
    answer = answer_to(content)
    assert answer[:1] == worker.DONE
    compiled = parcels.unpack(answer[1:])
    assert (compiled.site, compiled.findings) == (site, findings)
    assert list(compiled.judged) == list(judge(site))


def test_a_design_with_errors_is_not_judged():
    compiled = parcels.unpack(answer_to(stream(document("Rack", "r", {"x": 1})))[1:])
    assert [finding.code for finding in compiled.findings] == ["DD001"]
    assert compiled.judged == {}


def test_the_budget_for_aliases_comes_with_the_job():
    content = (
        b"schema: drydock/Rack/v1\nmetadata: {name: r}\ndata: {a: &a [b, c], b: [*a, *a, *a]}\n"
    )
    compiled = parcels.unpack(answer_to(content, expansion=5)[1:])
    (finding,) = compiled.findings
    assert finding.message.startswith(
        "Rack r: YAML: the aliases of the stream expand to more than 5"
    )
    assert finding.line == 3


def raise_no_memory(*_):
    raise MemoryError


@pytest.mark.parametrize(
    ("compile_site", "answer"),
    [
        (raise_no_memory, b"-needs more than 128 MiB of memory"),
        (lambda *_: b"x" * (1 << 30), b"-needs more than 128 MiB of memory"),
        (lambda *_: os.kill(os.getpid(), signal.SIGKILL), b"!ended its process with SIGKILL"),
        # Not SIGTERM, which coverage catches where the tests are measured.
        (lambda *_: os.kill(os.getpid(), signal.SIGUSR1), b"-ended its process with SIGUSR1"),
        (lambda *_: os._exit(0), b"-ended its process without an answer"),
    ],
)
def test_how_it_ended_is_told(monkeypatch, compile_site, answer):
    monkeypatch.setattr(worker, "compile_site", compile_site)
    assert answer_to(b"") == answer


def test_a_design_that_takes_too_long_is_given_up(monkeypatch):
    monkeypatch.setattr(worker, "compile_site", lambda *_: signal.pause())
    limits = Limits(seconds=0.1, memory_bytes=1 << 20, answer_bytes=10)
    assert answer_to(b"", limits) == b"-takes longer than 0.1 s"
