"""Which UDP ports are open on this host."""

import socket

from drydockd.drivers.node.netboot.ports import is_served, udp_ports


def test_a_port_is_served_while_somebody_has_it_open():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
        assert is_served(port)
    assert not is_served(port)


def test_a_port_over_ipv6_counts_too(tmp_path):
    table = tmp_path / "udp6"
    table.write_text(
        "  sl  local_address remote_address st\n"
        " 10: 00000000000000000000000000000000:0043 00000000000000000000000000000000:0000 07\n"
    )
    assert udp_ports([table, tmp_path / "none"]) == {67}
