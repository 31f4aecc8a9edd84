import socket

import pytest

from drydockd.config import Settings
from drydockd.errors import InvalidConfig
from drydockd.handlers.listen import listeners


@pytest.fixture
def listening():
    """Yield a function that opens the sockets of some options; all are closed at the end."""
    opened = []

    def listening(given=None, **api):
        both = listeners(Settings.model_validate({"api": api}), given or {})
        opened.extend([*both[0], *both[1]])
        return both

    yield listening
    for one in opened:
        one.close()


def ports(sockets):
    return {one.getsockname()[1] for one in sockets}


def test_all_addresses_of_a_host_share_one_port(listening):
    api, nodes = listening(listen="localhost:0")
    assert len(ports(api)) == 1
    assert nodes == []


def test_nodes_have_an_address_of_their_own(listening):
    api, nodes = listening(listen="127.0.0.1:0", node_listen="127.0.0.1:0")
    assert not ports(api) & ports(nodes)


def test_given_sockets_go_before_the_options(listening):
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        api, nodes = listening({"api": [one], "nodes": [two]}, listen="192.0.2.1:1")
        assert (api, nodes) == ([one], [two])
        api, _ = listening({"unknown": [two]}, listen="192.0.2.1:1")
        assert api == [two]


@pytest.mark.parametrize("listen", ["192.0.2.1:0", "no-such-host.invalid:0"])
def test_an_address_that_is_not_ours_names_the_option(listening, listen):
    with pytest.raises(InvalidConfig, match=rf"api\.listen: cannot listen on {listen}"):
        listening(listen=listen)


def test_a_port_in_use_is_said(listening):
    api, _ = listening(listen="127.0.0.1:0")
    with pytest.raises(InvalidConfig, match="in use"):
        listening(listen=f"127.0.0.1:{api[0].getsockname()[1]}")
