"""Keys and repositories: ours come and go with the design, others stay."""

import contextlib

import pytest

from drydockd.drivers.node.maas import access
from drydockd.drivers.node.maas.records import Records
from drydockd.errors import DriverUnsupported
from drydockd.site import Repository
from tests.drivers.node.maas.making import Killed, cut_client
from tests.drivers.node.netboot.shelves import MemoryShelf
from tests.peers.maas import Fault, at

ONE, TWO, THEIRS = "ssh-ed25519 AAAA one", "ssh-ed25519 BBBB two", "ssh-rsa CCCC eve"
DOCKER = Repository("docker", "http://d.example", "apt", ("xenial",), None, ("main",), "KEY")
MAIN = Repository("main_archive", "http://m.example", "apt", None, ("security",), ("main",))


@pytest.fixture
def records():
    return Records(MemoryShelf())


async def test_keys_are_added_once_and_newlines_are_no_part_of_them(maas, client, records):
    for _ in range(2):
        await access.apply_keys(client, records, [f"{ONE}\n", TWO, TWO])
    assert list(maas.keys.values()) == [ONE, TWO]
    assert maas.counted("POST") == 2


async def test_a_key_of_the_design_goes_with_it_and_others_stay(maas, client, records):
    maas.keys[1] = THEIRS
    await access.apply_keys(client, records, [ONE, TWO])
    await access.apply_keys(client, records, [TWO])
    assert sorted(maas.keys.values()) == [TWO, THEIRS]


async def test_a_key_that_was_there_before_is_not_ours_to_remove(maas, client, records):
    maas.keys[1] = ONE
    await access.apply_keys(client, records, [ONE])
    await access.apply_keys(client, records, [])
    assert list(maas.keys.values()) == [ONE]


async def test_a_key_that_somebody_adds_meanwhile_is_fine(maas, client, records):
    fault = Fault(at("POST", "account/prefs/sshkeys/"), before=lambda: maas.keys.update({1: ONE}))
    maas.faults.append(fault)
    await access.apply_keys(client, records, [ONE])
    assert list(maas.keys.values()) == [ONE]


async def test_repositories_are_mapped_as_maas_has_them(maas, client, records):
    await write(client, records, DOCKER, MAIN)
    docker, main = maas.repositories.values()
    assert (docker["components"], docker["distributions"]) == (["main"], ["xenial"])
    assert (docker["key"], docker["arches"]) == ("KEY", ["amd64"])
    assert main["components"] == ()
    assert main["disabled_components"] == ["restricted", "universe", "multiverse"]
    assert main["disabled_pockets"] == ["updates", "backports"]


async def test_only_what_differs_is_sent_and_what_is_equal_not_at_all(maas, client, records):
    await write(client, records, DOCKER)
    await write(client, records, DOCKER)
    assert maas.counted("PUT") == 0
    await write(client, records, Repository("docker", "http://e.example", "apt", ("xenial",)))
    assert maas.calls[-1].form == {
        "url": ["http://e.example"],
        "components": [""],
        "key": [""],
    }


async def test_a_repository_of_the_design_goes_with_it(maas, client, records):
    maas.repositories[1] = {"name": "theirs", "url": "http://x"}
    await write(client, records, DOCKER)
    await write(client, records)
    assert [kept["name"] for kept in maas.repositories.values()] == ["theirs"]


async def test_unlisted_ones_go_on_request_but_for_those_of_maas(maas, client, records):
    maas.repositories[1] = {"name": "theirs", "url": "http://x"}
    maas.repositories[2] = {"name": "main_archive", "url": "http://x"}
    await write(client, records, remove_unlisted=True)
    assert [kept["name"] for kept in maas.repositories.values()] == ["main_archive"]


@pytest.mark.parametrize(
    "repository",
    [Repository("r", "http://x", "rpm"), Repository("r", "http://x", "apt", options={"a": "b"})],
)
async def test_what_maas_has_not_is_refused_before_the_first_write(
    maas, client, records, repository
):
    with pytest.raises(DriverUnsupported, match="repository r"):
        await write(client, records, DOCKER, repository)
    assert maas.writes() == []


@pytest.mark.parametrize("is_sent", [False, True], ids=["not sent", "sent"])
async def test_kill_9_between_any_two_calls_forgets_nothing_that_was_made(maas, is_sent):
    for number in range(40):
        maas.keys.clear()
        maas.repositories.clear()
        records = Records(MemoryShelf())
        client, cut = cut_client(maas, number, is_sent=is_sent)
        with contextlib.suppress(Killed):
            await access.apply_keys(client, records, [ONE, TWO])
            await write(client, records, DOCKER, MAIN)
        await client.close()
        client, _ = cut_client(maas)
        # The next run is of another design: what the cut one made must go.
        await access.apply_keys(client, records, [TWO])
        await write(client, records, MAIN)
        await client.close()
        assert list(maas.keys.values()) == [TWO]
        assert [kept["name"] for kept in maas.repositories.values()] == ["main_archive"]
        if not cut.was_cut:
            break
    assert number > 3


async def write(client, records, *repositories, remove_unlisted=False):
    return await access.apply_repositories(
        client, records, repositories, remove_unlisted=remove_unlisted
    )
