"""Name servers that change their answers, in earnest: UDP, the system's resolver, real sockets."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.design.rebinding import LOOPBACK, PRIVATE, PRIVATE6, PUBLIC, PUBLIC6, ZONE

ROOT = Path(__file__).parents[2]
APART = ["unshare", "--map-root-user", "--mount", "--net"]


def may_have_a_network() -> bool:
    tools = all(map(shutil.which, ("unshare", "ip", "mount")))
    return tools and subprocess.run([*APART, "true"], capture_output=True).returncode == 0


pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(not may_have_a_network(), reason="no network of its own (unshare, ip)"),
]


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """What each name brought, how often it was asked for, and what it brought unpinned."""
    folder = tmp_path_factory.mktemp("etc")
    command = [*APART, sys.executable, "-m", "tests.design.rebinding", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("rebind.test", PUBLIC),
        ("rebind-loopback.test", PUBLIC),
        ("rebind6.test", PUBLIC6),
        ("mixed.test", PUBLIC),
        ("mapped.test", PUBLIC),
        ("mixed6.test", PUBLIC6),
        ("several.test", PUBLIC),
    ],
)
def test_the_address_that_was_checked_is_the_one_connected_to(network, name, address):
    pinned, asked, _ = network
    assert pinned[name] == address
    assert asked[name] == 1


def test_a_name_that_is_refused_at_first_is_not_asked_again(network):
    pinned, asked, _ = network
    assert f"has the address {PRIVATE}, which is private" in pinned["turned.test"]
    assert asked["turned.test"] == 1


def test_a_name_with_nothing_but_forbidden_addresses_is_refused(network):
    pinned, _, _ = network
    assert "hidden.test has the address" in pinned["hidden.test"]


def test_without_the_pinning_the_second_answer_would_be_connected_to(network):
    """So the tests above can see what they look for."""
    _, _, unpinned = network
    assert unpinned["rebind.test"] == PRIVATE
    assert unpinned["rebind-loopback.test"] == LOOPBACK
    assert unpinned["rebind6.test"] == PRIVATE6
    assert set(unpinned) == set(ZONE)
