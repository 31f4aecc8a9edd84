import socket

import pytest

from drydockd.config import Settings
from drydockd.errors import InvalidConfig
from drydockd.handlers import listen as module
from drydockd.handlers.connections import affordable
from drydockd.handlers.listen import bounded, check_address, listeners, overlap, shown
from drydockd.handlers.proxies import Proxies


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


def test_an_option_that_the_given_sockets_contradict_is_warned_of(listening, caplog):
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
        for agrees in (f"127.0.0.1:{port}", f"localhost:{port}", "127.0.0.1:0"):
            listening({"api": [one]}, listen=agrees)
        listening({"api": [one]})
        assert not caplog.messages
        listening({"api": [one]}, listen=f"127.0.0.2:{port}")
        listening({"nodes": [one]}, listen="127.0.0.1:0", node_listen="127.0.0.1:1")
    first, second = caplog.messages
    assert f"api.listen is 127.0.0.2:{port}" in first
    assert f"systemd listen on 127.0.0.1:{port}" in first
    assert "api.node_listen is 127.0.0.1:1" in second


def test_a_socket_for_both_families_agrees_with_either(listening, caplog):
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as everywhere:
        port = everywhere.getsockname()[1]
        for agrees in (f"0.0.0.0:{port}", f"[::]:{port}"):
            listening({"api": [everywhere]}, listen=agrees)
        assert not caplog.messages
        assert shown([everywhere]) == f"[::]:{port}"
        listening({"api": [everywhere]}, listen=f"127.0.0.1:{port}")
    assert f"listen on [::]:{port}" in caplog.text


def test_noauth_is_refused_on_given_sockets_that_others_reach():
    def settings(**auth):
        return Settings.model_validate(
            {"api": {"listen": "127.0.0.1:0"}, "auth": {"strategy": "noauth", **auth}}
        )

    with socket.create_server(("0.0.0.0", 0)) as everywhere:
        with pytest.raises(InvalidConfig, match=r"reaches 0\.0\.0\.0:"):
            listeners(settings(), {"api": [everywhere]})
        assert listeners(settings(noauth_force=True), {"api": [everywhere]})
    with socket.create_server(("127.0.0.1", 0)) as here:
        assert listeners(settings(), {"api": [here]}) == ([here], [])


@pytest.mark.parametrize(
    ("listen", "beside", "clash"),
    [
        ("127.0.0.1:9000", "127.0.0.1:9000", True),
        ("127.0.0.1:9000", "0.0.0.0:9000", True),
        ("localhost:9000", "127.0.0.1:9000", True),
        ("[::]:9000", "0.0.0.0:9000", True),
        ("127.0.0.1:9001", "0.0.0.0:9000", False),
        ("127.0.0.2:9000", "127.0.0.1:9000", False),
        ("127.0.0.1:0", "127.0.0.1:0", False),
    ],
)
def test_two_addresses_must_not_overlap(listen, beside, clash):
    assert overlap(listen, beside) is clash
    if clash:
        with pytest.raises(InvalidConfig, match=r"api\.node_listen: cannot listen on .* in use"):
            check_address("api.node_listen", listen, beside=beside)


@pytest.mark.parametrize(
    ("descriptors", "most", "per_address"),
    [(65536, 4096, 1024), (1024, 768, 192), (128, 96, 24), (33, 1, 1)],
)
def test_where_descriptors_are_few_an_address_keeps_its_share(
    monkeypatch, caplog, descriptors, most, per_address
):
    monkeypatch.setattr(module, "affordable", lambda wanted: affordable(wanted, descriptors))
    bounds = bounded(Settings(), Proxies(())).bounds
    assert (bounds.most, bounds.per_address) == (most, per_address)
    assert ("LimitNOFILE=" in caplog.text) == (most < 4096)
