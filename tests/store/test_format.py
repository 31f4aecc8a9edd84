"""Versions of the files at rest."""

from pathlib import Path

from drydockd.store.format import FORMAT, newer


def test_a_newer_format_names_both_versions_and_the_way_out():
    text = str(newer(Path("/s/drydock.json"), FORMAT + 1))
    assert f"/s/drydock.json has format {FORMAT + 1}" in text
    assert f"up to {FORMAT}" in text
    assert "Install the drydockd that wrote it" in text
