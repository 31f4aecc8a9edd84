import pytest

from drydockd.handlers.proxies import Proxies, plain

TRUSTED = Proxies(["10.0.0.0/8", "::1/128"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "remote"),
    [
        ("192.0.2.1", None, "192.0.2.1"),
        ("192.0.2.1", "203.0.113.9", "192.0.2.1"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "forged, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "203.0.113.9, nonsense", "10.0.0.1"),
        ("::1", "[2001:db8::1]", "2001:db8::1"),
        ("::ffff:10.0.0.1", "203.0.113.9", "203.0.113.9"),
    ],
)
def test_only_trusted_proxies_are_believed(peer, forwarded, remote):
    assert TRUSTED.remote(peer, forwarded) == remote


def test_without_trusted_proxies_the_peer_is_the_caller():
    assert Proxies().remote("10.0.0.1", "203.0.113.9") == "10.0.0.1"


def test_an_ipv4_address_is_written_as_one_whatever_the_socket_says():
    assert plain("::ffff:1.2.3.4") == plain("::ffff:102:304") == "1.2.3.4"
    assert [plain(text) for text in ("1.2.3.4", "2001:db8::1", "", "/run/x")] == [
        "1.2.3.4",
        "2001:db8::1",
        "",
        "/run/x",
    ]
    assert Proxies(["10.0.0.0/8"]).remote("10.0.0.1", "::ffff:192.0.2.7") == "192.0.2.7"
