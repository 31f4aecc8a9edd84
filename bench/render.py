"""Rendering and packing the boot data of one real node, without HTTP.

Run as ``python -m bench.render [ROUNDS]``; add ``--profile`` for where the time goes. The
limit to compare with is gzip alone on the same bytes.
"""

from __future__ import annotations

import asyncio
import cProfile
import pstats
import sys
import time
import zlib
from collections.abc import Awaitable, Callable

from drydockd.render import Anew, BootData, Templates, render_assets, tar_gz
from tests.render.helpers import GRANT, SETTINGS, real_site, stub_fetch


async def timed(rounds: int, call: Callable[[], Awaitable[object]]) -> float:
    """Return microseconds per call."""
    await call()
    start = time.perf_counter()
    for _ in range(rounds):
        await call()
    return (time.perf_counter() - start) / rounds * 1e6


async def main(rounds: int) -> None:
    site = real_site("seaworthy")
    node = site.nodes["cab23-r720-12"]
    granted = dict.fromkeys(site.bootactions, GRANT)
    templates = Templates()
    boot_data = BootData(templates)

    async def render() -> object:
        return await render_assets(
            site, node, "file", granted, fetch=stub_fetch, templates=templates, **SETTINGS
        )

    assets = await render_assets(site, node, "file", granted, fetch=stub_fetch, **SETTINGS)
    content = b"".join(a.content for a in assets)

    async def pack() -> object:
        return tar_gz(assets)

    async def serve(kind: str) -> object:
        return await boot_data.archive(
            site, node, kind, granted, deployment="d", sources=Anew(stub_fetch), **SETTINGS
        )

    async def gzip() -> object:
        return zlib.compress(content, 6)

    bare = await timed(rounds, gzip)
    print(f"gzip alone, {len(content)} bytes in {len(assets)} files: {bare:.0f} us")
    for name, call in {
        "render": render,
        "pack, nothing remembered": pack,
        "archive of files, one location fetched": lambda: serve("file"),
        "archive of units, nothing fetched": lambda: serve("unit"),
        "unusual template, in a worker": lambda: templates.render("{% set a = 1 %}{{ a }}", {}),
    }.items():
        each = await timed(rounds if "worker" not in name else rounds // 10, call)
        print(f"{name}: {each:.0f} us, {each / bare:.2f} x gzip alone")
    await templates.close()


if __name__ == "__main__":
    numbers = [int(a) for a in sys.argv[1:] if a.isdigit()]
    with cProfile.Profile() if "--profile" in sys.argv else open("/dev/null") as profile:
        asyncio.run(main(numbers[0] if numbers else 1000))
    if isinstance(profile, cProfile.Profile):
        pstats.Stats(profile).sort_stats("tottime").print_stats(20)
