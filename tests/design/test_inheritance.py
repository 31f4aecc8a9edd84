"""Profiles are completed from their parents once; what is missing or circular is named."""

import pytest

from drydockd.design.inheritance import Broken, Inheritance, Written
from drydockd.errors import InvalidDesign
from drydockd.site import DocumentRef


def written(name: str, parent: str | None, **layer) -> Written:
    return Written(DocumentRef("drydock/HostProfile/v1", name), parent, layer, 1)


def inheritance(*profiles: Written) -> Inheritance:
    return Inheritance({profile.ref.name: profile for profile in profiles})


NODE = DocumentRef("drydock/BaremetalNode/v1", "n")


def test_a_chain_is_completed_from_its_far_end():
    chain = inheritance(
        written("a", "b", image="a", tags=["!z"]),
        written("b", "c", kernel="!"),
        written("c", None, image="c", kernel="c", tags=["y", "z"]),
    )
    node = Written(NODE, "a", {"rack": "r"}, 1)
    assert chain.complete(node) == {"image": "a", "kernel": None, "tags": ("y",), "rack": "r"}


def test_a_host_without_parent_has_its_own_values_without_markers():
    node = Written(NODE, None, {"tags": ["a", "!b"], "image": "!"}, 1)
    assert inheritance().complete(node) == {"tags": ("a",), "image": None}


def test_a_missing_parent_is_named_with_the_document_that_asks():
    chain = inheritance(written("a", "b"), written("b", "gone"))
    assert chain.profile("a", NODE) == Broken(
        "HostProfile gone not defined", DocumentRef("drydock/HostProfile/v1", "b")
    )
    assert chain.profile("nobody", NODE) == Broken("HostProfile nobody not defined", NODE)


def test_a_cycle_is_named_for_everyone_on_it_and_above_it():
    chain = inheritance(written("a", "b"), written("b", "c"), written("c", "b"), written("d", "d"))
    for start in ("a", "b", "c"):
        assert "b -> c -> b" in chain.profile(start, NODE).problem
    assert "d -> d" in chain.profile("d", NODE).problem


def test_a_long_chain_is_no_problem():
    profiles = [written(f"p{i}", f"p{i + 1}") for i in range(20_000)]
    chain = inheritance(*profiles, written("p20000", None, image="x"))
    assert chain.profile("p0", NODE) == {"image": "x"}


def test_each_profile_is_completed_once():
    chain = inheritance(written("a", "b"), written("b", None, tags=["x"]))
    assert chain.profile("a", NODE) is chain.profile("a", NODE)
    assert chain.profile("a", NODE)["tags"] is chain.profile("b", NODE)["tags"]


def test_profiles_nobody_needed_are_not_completed():
    chain = inheritance(written("a", "b"), written("b", None), written("c", "gone"))
    chain.profile("a", NODE)
    assert chain.used("b") == {}
    assert chain.used("c") is None
    chain.profile("c", NODE)
    assert chain.used("c") is None


def test_a_few_documents_cannot_fill_the_memory(monkeypatch):
    monkeypatch.setattr("drydockd.design.inheritance.LIMIT", 1000)
    chain = inheritance(written("p", None, tags=[f"t{i}" for i in range(300)]))
    for _ in range(50):
        chain.complete(Written(NODE, "p", {"rack": "untouched lists are shared"}, 1))
    for _ in range(3):
        chain.complete(Written(NODE, "p", {"tags": ["own"]}, 1))
    with pytest.raises(InvalidDesign, match="more than 1000 values"):
        chain.complete(Written(NODE, "p", {"tags": ["own"]}, 1))
