"""What is the same for every installation of a site."""

import pytest

from drydockd.drivers.node.netboot import sitewide
from drydockd.drivers.node.netboot.assembly import SiteWide
from drydockd.errors import DriverUnsupported
from drydockd.site import Repository
from tests.drivers.node.netboot.shelves import MemoryShelf

DEBIAN = Repository("debian", "http://mirror", "apt", distributions=("bookworm",))


async def test_repositories_are_read_back_as_they_were_kept():
    shelf = MemoryShelf()
    assert sitewide.kept(shelf) == SiteWide()
    await sitewide.keep(shelf, [DEBIAN], remove_unlisted=True)
    assert sitewide.kept(shelf) == SiteWide((DEBIAN,), True)


async def test_one_of_another_kind_is_refused_and_nothing_changes():
    shelf = MemoryShelf()
    await sitewide.keep(shelf, [DEBIAN], remove_unlisted=False)
    other = Repository("centos", "http://mirror", "rpm")
    with pytest.raises(DriverUnsupported, match="repository centos: repo_type rpm"):
        await sitewide.keep(shelf, [DEBIAN, other], remove_unlisted=True)
    assert sitewide.kept(shelf) == SiteWide((DEBIAN,))
