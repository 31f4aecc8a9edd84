import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from drydockd.auth.bootkey import BootKeys
from drydockd.errors import RenderError, SourceUnavailable
from drydockd.model import BootContext, timestamp
from drydockd.render import Remote
from drydockd.site import Asset, BootActionSpec
from drydockd.store.base import Put
from drydockd.store.memory import MemoryStore
from drydockd.tasks.deployments import Deployments
from drydockd.tasks.shared.changes import Changes
from drydockd.tasks.shared.pinned import Fetched, OfContext, OfNode, Pinned, parts_of
from drydockd.tasks.words.settings import PinLimits

LARGE = bytes(range(256)) * 4096  # four parts, all alike


async def nothing():
    return None


def pinned(store, release=nothing, **limits):
    return Pinned(store, PinLimits(**limits), release)


def serving(**contents):
    """A fetch that counts, of contents by location."""
    asked = []

    async def fetch(location):
        asked.append(location)
        await asyncio.sleep(0)
        if location not in contents:
            raise SourceUnavailable(f"{location}: nobody answers")
        return contents[location]

    return fetch, asked


def remote(location, name="act/0"):
    return Remote(BootActionSpec("act"), Asset("file"), None, name, location)


def context(node, pins, context_id="c", created=None):
    created = created or timestamp()
    return BootContext(node, context_id, "t", "ref", "", created, pins=tuple(pins))


async def named(store, some, fetched, node, pins, **more):
    """Have a record name `pins`, as a deployment does."""
    assert some.hold(pins)
    await store.write(Put(context(node, pins, **more)))
    fetched.named(pins)


@pytest.mark.parametrize("content", [b"", b"x", LARGE])
async def test_what_is_kept_comes_back(content):
    some = pinned(MemoryStore())
    pin = await some.keep("s", content)
    assert await some.content(pin) == content
    assert pin.packed == some.fetched_bytes
    assert len(parts_of([pin])) == len(set(pin.parts))


async def test_nodes_that_want_one_source_at_once_ask_it_once():
    store = MemoryStore()
    fetch, asked = serving(a=LARGE)
    fetched = Fetched(pinned(store), fetch)
    nodes = [OfNode(fetched) for _ in range(10)]
    await asyncio.gather(*(node.found(remote("a", f"act/{n}")) for n, node in enumerate(nodes)))
    assert asked == ["a"]
    assert [pin.asset for node in nodes for pin in node.pins] == [f"act/{n}" for n in range(10)]


async def test_one_that_gives_up_does_not_harm_the_others():
    fetch, asked = serving(a=b"x")
    fetched = Fetched(pinned(MemoryStore()), fetch)
    first = asyncio.create_task(fetched.pin("a"))
    second = asyncio.create_task(fetched.pin("a"))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).size == 1
    assert len(asked) == 2


async def test_a_source_that_was_away_is_not_asked_for_each_node():
    fetch, asked = serving()
    fetched = Fetched(pinned(MemoryStore()), fetch)
    for _ in range(3):
        with pytest.raises(SourceUnavailable, match="a: nobody answers"):
            await fetched.pin("a")
    assert asked == ["a"]


async def test_what_no_record_names_goes_at_the_end_of_its_task_and_the_rest_stays():
    store = MemoryStore()
    fetch, _ = serving(a=LARGE, b=b"other")
    some = pinned(store)
    fetched = Fetched(some, fetch)
    kept = replace(await fetched.pin("a"), asset="act/0")
    await fetched.pin("b")
    await named(store, some, fetched, "n1", [kept])
    fetched.close()
    assert set(store.backend._blobs) == set(kept.parts)
    assert (some.fetched_bytes, store.health().pinned_bytes) == (0, kept.packed)


async def test_what_one_node_let_go_of_is_there_for_the_next_node_of_the_task():
    store = MemoryStore()
    fetch, asked = serving(a=LARGE)
    some = pinned(store)
    fetched = Fetched(some, fetch)
    pin = await fetched.pin("a")
    await named(store, some, fetched, "n1", [pin])
    await store.write(Put(context("n1", [], context_id="destroyed")))
    await named(store, some, fetched, "n2", [pin])
    fetched.close()
    assert await some.content(pin) == LARGE
    await store.write(Put(context("n2", [], context_id="destroyed")))
    assert not store.backend._blobs
    assert asked == ["a"]


async def test_a_second_deployment_with_the_same_source_leaves_nothing_behind():
    store = MemoryStore()
    some = pinned(store)
    for deployment in ("c1", "c2"):
        fetched = Fetched(some, serving(a=LARGE)[0])
        await named(store, some, fetched, "n1", [await fetched.pin("a")], context_id=deployment)
        fetched.close()
    assert store.backend._blobs
    await store.write(Put(context("n1", [], context_id="c3")))
    assert not store.backend._blobs


async def test_after_a_restart_nodes_get_what_those_before_them_got():
    store = MemoryStore()
    some = pinned(store)
    fetched = Fetched(some, serving(a=b"old")[0])
    pin = await fetched.pin("a")
    await named(store, some, fetched, "n1", [pin])

    fetch, asked = serving(a=b"new")
    again = Fetched(some, fetch)
    again.remember([store.boot_context("n1")])
    assert await some.content(await again.pin("a")) == b"old"
    assert not asked


async def test_what_is_gone_is_named_with_the_way_out():
    store = MemoryStore()
    some = pinned(store)
    pin = await some.keep("s", b"x")
    del store.backend._blobs[pin.parts[0]]
    with pytest.raises(RenderError, match=f"{pin.parts[0]}, is missing; destroy and deploy"):
        await some.content(pin)
    assert not some.hold([pin])


async def test_sources_of_deployments_with_void_keys_make_room():
    store = MemoryStore()
    keys = BootKeys(b"k" * 32, timedelta(days=7))
    deployments = Deployments(store, keys, Changes(store, 10))
    some = pinned(store, deployments.release_late, pinned_bytes=8000)
    fetched = Fetched(some, serving(a=LARGE)[0])
    old = await fetched.pin("a")
    await named(store, some, fetched, "n1", [old], created="2020-01-01T00:00:00.000000+00:00")
    fetched.close()
    assert 4000 < old.packed < 8000

    fetched = Fetched(some, serving(b=LARGE[::-1])[0])
    new = await fetched.pin("b")
    assert store.boot_context("n1").pins == ()
    await named(store, some, fetched, "n2", [new])
    fetched.close()
    # Its keys are good.
    with pytest.raises(RenderError, match=r"8000 are allowed\. Raise bootactions\.pinned_bytes"):
        await Fetched(some, serving(c=LARGE[1:])[0]).pin("c")
    assert store.boot_context("n2").pins


async def test_a_deployment_that_pinned_nothing_is_served_as_it_was_begun():
    fetch, asked = serving(a=b"x")
    sources = OfContext(pinned(MemoryStore()), context("n1", []), fetch)
    assert await sources.found(remote("a")) == b"x"
    assert not sources.are_lasting
    assert asked == ["a"]


async def test_a_deployment_with_pins_asks_nobody():
    some = pinned(MemoryStore())
    pin = replace(await some.keep("s", b"x"), asset="act/0")
    sources = OfContext(some, context("n1", [pin]), serving()[0])
    assert sources.are_lasting
    assert await sources.found(remote("a")) == pin
    with pytest.raises(RenderError, match="was not pinned; destroy and deploy"):
        await sources.found(remote("a", "act/1"))
