"""The tags of MAAS are read once for all nodes that ask at about one time."""

import asyncio

import pytest

from drydockd.drivers.node.maas.changes import Change
from drydockd.drivers.node.maas.taglist import TagList
from drydockd.errors import DriverTransient
from tests.peers.maas import Fault, at


@pytest.fixture
def taglist(client):
    return TagList(client, seconds=60)


def made(name):
    return Change("POST", "tags/", None, {"name": name, "comment": "c"})


async def test_nodes_that_ask_at_once_share_one_reading_and_each_has_its_own_dict(maas, taglist):
    maas.tags["a"] = {"definition": "", "comment": "", "kernel_opts": ""}
    first, second = await asyncio.gather(taglist.of(), taglist.of())
    first.clear()
    assert set(second) == {"a"}
    assert len(maas.calls) == 1


async def test_without_seconds_each_reads_for_itself(maas, client):
    taglist = TagList(client)
    await taglist.of()
    await taglist.of()
    assert len(maas.calls) == 2


async def test_what_was_written_since_is_known(maas, taglist):
    await taglist.of()
    await taglist.make(made("a"))
    await taglist.add("b")
    await taglist.make(Change("PUT", "tags/a/", None, {"name": "a", "kernel_opts": "quiet"}))
    assert {name: tag["kernel_opts"] for name, tag in (await taglist.of()).items()} == {
        "a": "quiet",
        "b": "",
    }
    await taglist.remove(["b", "never"])
    await taglist.make(Change("DELETE", "tags/a/"))
    assert await taglist.of() == {}
    assert maas.counted("GET", "tags/") == 1
    assert maas.tags == {}


async def test_one_of_many_makes_a_tag(maas, taglist):
    await taglist.of()
    answers = await asyncio.gather(*(taglist.make(made("a")) for _ in range(4)))
    assert [answer["name"] for answer in answers] == ["a"] * 4
    assert maas.done["tag", "a"] == 1


async def test_what_is_written_while_the_tags_are_read_is_not_missed(maas, taglist):
    adding = []

    def meanwhile():
        adding.append(asyncio.ensure_future(taglist.add("a")))

    maas.faults.append(Fault(at("GET", "tags/"), before=meanwhile))
    maas.faults.append(Fault(at("POST", "tags/")))
    await taglist.of()
    await adding[0]
    assert "a" in await taglist.of()


async def test_a_failure_is_not_kept(maas, taglist):
    maas.faults.append(Fault(at("GET", "tags/"), status=503))
    with pytest.raises(DriverTransient):
        await taglist.of()
    assert await taglist.of() == {}


async def test_whether_a_tag_was_made_is_looked_up_after_a_lost_answer(maas, taglist):
    await taglist.of()
    maas.faults.append(Fault(at("POST", "tags/"), is_lost=True))
    with pytest.raises(DriverTransient):
        await taglist.add("a")
    assert "a" in await taglist.of()
