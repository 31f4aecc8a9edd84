"""A compiled design arrives as it was sent, and nothing else does."""

import pickle

import pytest

from drydockd.design import parcels
from drydockd.design.compile import compile_site
from drydockd.design.parcels import Compiled, pack, unpack
from drydockd.design.validate import judge
from drydockd.site import Site
from tests.designs import design_path


@pytest.fixture(scope="module")
def compiled():
    site, findings = compile_site(design_path("foundry").read_bytes())
    return Compiled(site, findings, judge(site))


def test_a_design_arrives_as_it_was_sent(compiled):
    parcel = pack(compiled)
    arrived = unpack(parcel)
    assert arrived.site == compiled.site
    assert [list(getattr(arrived.site, name)) for name in parcels.COLLECTIONS] == [
        list(getattr(compiled.site, name)) for name in parcels.COLLECTIONS
    ]
    assert arrived.findings == compiled.findings
    assert arrived.judged == compiled.judged
    assert list(arrived.judged) == list(compiled.judged)
    assert arrived.size_bytes == len(parcel)


def test_members_of_enumerations_come_by_their_values(compiled):
    # Python up to 3.11.3 pickles them by getattr, which is refused.
    assert b"getattr" not in pack(compiled)


def test_what_nodes_shared_they_share_again(compiled):
    nodes = list(unpack(pack(compiled)).site.nodes.values())
    assert len({id(node.hardware) for node in nodes}) < len(nodes)


def test_a_large_design_comes_in_many_pieces(compiled, monkeypatch):
    monkeypatch.setattr(parcels, "TOGETHER", 1)
    assert unpack(pack(compiled)) == Compiled(
        compiled.site, compiled.findings, compiled.judged, len(pack(compiled))
    )


def test_an_empty_design_arrives_too():
    assert unpack(pack(Compiled(Site(), ()))).site == Site()


@pytest.mark.parametrize("stranger", [print, pickle.Unpickler, parcels.Compiled])
def test_nothing_but_parts_of_a_site_is_taken_in(stranger):
    with pytest.raises(pickle.UnpicklingError, match="does not belong in a design"):
        unpack(pickle.dumps(("region", stranger)))


def test_what_a_site_module_merely_imports_is_not_taken_in():
    with pytest.raises(pickle.UnpicklingError, match=r"site\.dataclass does not belong"):
        unpack(b"cdrydockd.site\ndataclass\n.")
