"""Loading, inheriting and validating designs of many sizes, against PyYAML's C loader alone.

``python -m bench.design [SIZE...]`` prints, for each number of nodes: the loader's time for
the same bytes in the same run, drydockd's whole time as a multiple of it and its parts, a
repeated load of the unchanged reference, the longest time the event loop was held, and the
peak memory of a fresh process that loads and validates once.
"""

import asyncio
import gc
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from bench.clones import scaled_site
from drydockd.design import Designs
from drydockd.design.compile import compile_site
from drydockd.design.validate import validate
from drydockd.render import Templates, unrenderable
from drydockd.site import Catalogue, Site

SIZES = (10, 100, 1000, 5000)
CATALOGUE = Catalogue({"xenial": ("hwe-16.04", "ga-16.04")})
ROUNDS = 3
HEAD = (
    "nodes    bytes  loader s  whole/loader  compile s  rules s  trial s  reload ms  loop ms"
    "  peak MiB"
)


def best(work: Callable[[], object]) -> float:
    """The shortest of a few runs: the machine's other work only ever adds."""
    times = []
    for _ in range(ROUNDS):
        gc.collect()
        started = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - started)
        del result
    return min(times)


async def longest_pause(path: Path) -> tuple[float, float]:
    """Return the longest time between turns of the loop while a design loads and is judged,
    and the time of a repeated load."""
    templates = Templates()
    designs = Designs(allowed_roots=[path.parent], trial=lambda site: unrenderable(site, templates))
    pause = 0.0

    async def watch() -> None:
        nonlocal pause
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            pause, last = max(pause, now - last), now

    watcher = asyncio.create_task(watch())
    design = await designs.load(f"file://{path}")
    await designs.validate(design, CATALOGUE)
    watcher.cancel()
    again = []
    for _ in range(10):
        started = time.perf_counter()
        await designs.load(f"file://{path}")
        again.append(time.perf_counter() - started)
    await designs.close()
    await templates.close()
    return pause, sorted(again)[len(again) // 2]


async def on_trial(site: Site) -> None:
    templates = Templates()
    assert not await unrenderable(site, templates)
    await templates.close()


def load_once(path: Path) -> None:
    """Load and judge one design, then print this process' peak memory in MiB."""

    async def run() -> None:
        designs = Designs(allowed_roots=[path.parent])
        design = await designs.load(f"file://{path}")
        assert design.ok, design.findings[:3]
        await designs.validate(design, CATALOGUE)
        await designs.close()

    asyncio.run(run())
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def measure(nodes: int, folder: Path) -> str:
    content = scaled_site(nodes)
    path = folder / f"site-{nodes}.yaml"
    path.write_bytes(content)
    loader = best(lambda: list(yaml.load_all(content, yaml.CSafeLoader)))
    compiled = best(lambda: compile_site(content))
    site, findings = compile_site(content)
    assert not findings, findings[:3]
    rules = best(lambda: validate(site, CATALOGUE))
    tried = best(lambda: asyncio.run(on_trial(site)))
    pause, again = asyncio.run(longest_pause(path))
    peak = subprocess.run(
        [sys.executable, "-m", "bench.design", "--once", str(path)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    return (
        f"{nodes:5} {len(content):8}  {loader:8.3f}  {(compiled + rules + tried) / loader:12.2f}"
        f"  {compiled:9.3f}  {rules:7.3f}  {tried:7.3f}  {again * 1000:9.2f}"
        f"  {pause * 1000:7.1f}  {peak:>8}"
    )


def main() -> None:
    if sys.argv[1:2] == ["--once"]:
        load_once(Path(sys.argv[2]))
        return
    print(HEAD)
    with tempfile.TemporaryDirectory() as folder:
        for nodes in [int(size) for size in sys.argv[1:]] or SIZES:
            print(measure(nodes, Path(folder)), flush=True)


if __name__ == "__main__":
    main()
