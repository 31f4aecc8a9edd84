"""One change after the other, each followed by what it was answered with."""

import pytest

from drydockd.drivers.node.maas.answers import Missing, Refused
from drydockd.drivers.node.maas.changes import ROUNDS, Change, reconcile, send
from drydockd.drivers.node.maas.client import MaasClient
from drydockd.errors import DriverConflict, DriverPersistent, DriverTransient
from tests.drivers.node.maas.making import options
from tests.peers.maas import Fault, at


class Backend:
    """Has a list of words; changes append to it, and may go wrong on the way."""

    def __init__(self, *wanted):
        self.wanted, self.there = wanted, []
        self.reads, self.made = 0, []
        self.errors = []
        self.is_deaf = False

    async def read(self):
        self.reads += 1
        return {"words": list(self.there)}

    def next_change(self, document):
        for word in self.wanted:
            if word not in document["words"]:
                return Change("POST", "words/", None, {"word": word}, f"{word} is missing")
        return None

    async def make(self, change):
        self.made.append(change.form["word"])
        if self.errors and (error := self.errors.pop(0)) is not None:
            raise error
        if not self.is_deaf:
            self.there.append(change.form["word"])
        return list(self.there)

    async def run(self):
        await reconcile("n1", self.read, self.next_change, self.make, self.absorb)

    @staticmethod
    def absorb(document, change, answer):
        document["words"] = answer


async def test_what_answers_tell_is_not_read_again():
    backend = Backend("a", "b")
    await backend.run()
    assert (backend.there, backend.reads) == (["a", "b"], 1)
    await backend.run()
    assert (backend.made, backend.reads) == (["a", "b"], 2)


@pytest.mark.parametrize(
    "error", [DriverTransient("503"), DriverConflict("409"), Missing("404"), Refused("400", {})]
)
async def test_after_what_goes_wrong_the_state_is_read_anew(error):
    backend = Backend("a", "b")
    backend.errors = [None, error]
    await backend.run()
    assert (backend.there, backend.made, backend.reads) == (["a", "b"], ["a", "b", "b"], 2)


async def test_what_keeps_going_wrong_is_told_at_last():
    backend = Backend("a")
    backend.errors = [DriverTransient("503")] * 99
    with pytest.raises(DriverTransient, match="503"):
        await backend.run()
    assert backend.reads == ROUNDS


async def test_what_is_refused_twice_is_told_at_once():
    backend = Backend("a")
    backend.errors = [Refused("400: no", {})] * 9
    with pytest.raises(Refused, match="400: no"):
        await backend.run()
    assert backend.reads == 2


async def test_what_cannot_be_cured_by_reading_is_told_at_once():
    backend = Backend("a")
    backend.errors = [DriverPersistent("401")]
    with pytest.raises(DriverPersistent):
        await backend.run()
    assert backend.reads == 1


async def test_a_change_that_changes_nothing_is_no_endless_loop():
    backend = Backend("a")
    backend.is_deaf = True
    with pytest.raises(DriverConflict, match=r"n1: .*as before \(a is missing\)"):
        await backend.run()
    assert len(backend.made) == ROUNDS


async def test_two_changes_that_undo_each_other_are_no_endless_loop():
    backend = Backend("a", "b")

    async def make(change):
        backend.made.append(change.form["word"])
        return [change.form["word"]]

    backend.make = make
    with pytest.raises(DriverConflict, match="as before"):
        await backend.run()
    assert len(backend.made) == 2 * ROUNDS


async def test_each_change_is_a_request_of_its_method(maas, client):
    await send(client, Change("POST", "tags/", None, {"name": "a"}))
    await send(client, Change("PUT", "tags/a/", None, {"name": "b"}))
    await send(client, Change("DELETE", "tags/b/"))
    assert maas.writes() == ["POST tags/", "PUT tags/a/", "DELETE tags/b/"]
    assert maas.tags == {}


async def test_a_change_that_may_be_made_twice_is_repeated_by_the_client(maas):

    maas.tags["a"] = {"definition": "", "comment": "", "kernel_opts": ""}
    maas.faults.append(Fault(at("POST", "tags/a/", "update_nodes"), status=503))

    async def at_once(seconds):
        return None

    client = MaasClient(options(maas, retry_seconds=60), sleep=at_once)
    form = {"add": "sid001"}
    await send(client, Change("POST", "tags/a/", "update_nodes", form, again=True))
    await client.close()
    assert len(maas.calls) == 2
