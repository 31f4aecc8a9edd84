"""Whoever types docs/install.md on an empty host has a deployed node at the end."""

import re

import pytest

from tests.peers.guest import PAGE, blocks

pytestmark = pytest.mark.slow


def test_every_line_of_the_page_works(host):
    assert "+ drydock health\nhealthy\n" in host.typed[-1000:], host.typed[-9000:]


def test_the_page_ends_with_a_node_that_is_deployed(host):
    (row,) = re.findall(r"^\| a01-control .*", host.typed, re.MULTILINE)
    assert "Deployed" in row


def test_the_page_has_no_block_that_is_not_run():
    fences = [line for line in PAGE.read_text().splitlines() if line.startswith("```")]
    assert set(fences) == {"```sh", "```"}
    assert blocks(PAGE).count("\n") > 50
