import asyncio

from drydockd.design import Design
from drydockd.drivers.node.fake import FakeNodeProvisioner
from drydockd.errors import DriverTransient
from drydockd.site import Catalogue, Site
from drydockd.tasks.schedule.verdicts import Verdicts
from tests.tasks.helpers import QUICK, SITE, Shelf, errors_of, site_text

GOOD = Catalogue({"jammy": ("ga-22.04",)})


class Counted(FakeNodeProvisioner):
    """Says what the test wants it to offer, and counts how often it was asked."""

    def __init__(self, offer):
        super().__init__()
        self.offer, self.asked = offer, 0

    async def catalogue(self):
        self.asked += 1
        await asyncio.sleep(0)
        if self.offer is None:
            raise DriverTransient("no answer")
        return self.offer


class CountingShelf(Shelf):
    judged = 0

    async def validate(self, design, catalogue):
        self.judged += 1
        return await super().validate(design, catalogue)


async def verdicts(provisioner=None):
    shelf = CountingShelf(site=site_text())
    return shelf, Verdicts(shelf, provisioner, QUICK), await shelf.load(SITE)


async def test_many_tasks_at_once_ask_and_judge_once():
    provisioner = Counted(GOOD)
    shelf, some, design = await verdicts(provisioner)
    found = await asyncio.gather(*(some.of(design) for _ in range(20)))

    assert (provisioner.asked, shelf.judged) == (1, 1)
    assert all(verdict is found[0] for verdict in found)
    assert errors_of(found[0].findings) == []


async def test_another_catalogue_is_another_verdict():
    provisioner = Counted(GOOD)
    _, some, design = await verdicts(provisioner)
    assert errors_of((await some.of(design)).findings) == []

    some._until = 0.0
    provisioner.offer = Catalogue({"focal": ("ga-20.04",)})
    (error,) = errors_of((await some.of(design)).findings)[:1]

    assert error.code == "DD3001"


async def test_a_provisioner_that_does_not_answer_is_not_asked_by_each_task():
    provisioner = Counted(None)
    _, some, design = await verdicts(provisioner)
    for _ in range(5):
        assert errors_of((await some.of(design)).findings) == []
    assert provisioner.asked == 1


async def test_why_a_provisioner_gave_no_catalogue_is_a_finding():
    _, some, design = await verdicts(Counted(None))
    finding = next(f for f in (await some.of(design)).findings if f.code == "DD3001")

    assert "the node provisioner could not list its images" in finding.message
    assert "It failed so: no answer" in finding.diagnostic


async def test_only_the_latest_designs_are_kept():
    shelf, some, _ = await verdicts()
    for count in range(1, 12):
        shelf.texts[SITE] = site_text(count)
        await some.of(await shelf.load(SITE))
    assert len(some._kept) == 8


async def test_a_verdict_is_at_hand_while_nobody_has_to_be_asked_for_it():
    shelf, some, design = await verdicts(Counted(GOOD))
    assert not some.is_at_hand(design)
    await some.of(design)
    assert some.is_at_hand(design)

    shelf.texts[SITE] = site_text(5)
    assert not some.is_at_hand(await shelf.load(SITE))
    async with some._lock:
        assert not some.is_at_hand(design)
    some._until = 0.0
    assert not some.is_at_hand(design)


async def test_the_verdict_on_what_cannot_be_read_is_never_at_hand():
    _, some, _ = await verdicts()
    nothing = Design("file:///none", "", b"", Site(), ())
    await some.of(nothing)
    assert not some.is_at_hand(nothing)
