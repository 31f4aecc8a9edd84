"""Frames of switches, by their bytes."""

import os
import socket
from pathlib import Path

import pytest

from drydockd.agent.install import lldp


def tlv(kind, value):
    return ((kind << 9) | len(value)).to_bytes(2, "big") + value


CHASSIS = tlv(1, b"\x04" + bytes.fromhex("001122334455"))
PORT = tlv(2, b"\x05Ethernet1/7")
END = tlv(0, b"")


def test_a_whole_frame():
    data = b"".join([
        CHASSIS, PORT, tlv(3, b"\x00\x78"), tlv(4, b"to rack 3"), tlv(5, b"sw-1"), tlv(6, b"NX-OS"),
        tlv(127, b"\x00\x80\xc2\x01\x00\x15"), tlv(127, b"\x00\x80\xc2\x03\x00\x2a\x04mgmt"),
        tlv(127, b"\x00\x12\x0f\x01\x03"), END, b"\xff" * 20,
    ])  # fmt: skip
    assert lldp.decode(data) == {
        "chassis": "00:11:22:33:44:55", "port": "Ethernet1/7", "port_description": "to rack 3",
        "system": "sw-1", "system_description": "NX-OS", "native_vlan": 21, "vlans": {"42": "mgmt"},
    }  # fmt: skip


def test_a_port_may_be_a_mac_and_a_chassis_a_name():
    data = tlv(1, b"\x07sw") + tlv(2, b"\x03" + bytes(6))
    assert lldp.decode(data) == {"chassis": "sw", "port": "00:00:00:00:00:00"}


def test_a_name_that_a_console_would_obey_is_plain():
    assert lldp.decode(tlv(5, b"a\x1b[2Jb\n\xff"))["system"] == "a [2Jb \ufffd"


@pytest.mark.parametrize("data", [b"", b"\x02", END, tlv(1, b""), tlv(1, b"\x04"), PORT[:-1]])
def test_what_is_malformed_is_left_out(data):
    assert lldp.decode(data) == {}


def test_no_bytes_break_it():
    for _ in range(300):
        lldp.decode(os.urandom(120))
    for end in range(len(CHASSIS + PORT)):
        lldp.decode((CHASSIS + PORT)[:end])


def raw_socket():
    try:
        return socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    except (PermissionError, OSError):
        pytest.skip("needs the right to raw sockets (root)")


def test_a_frame_is_heard_on_a_real_interface_and_a_missing_one_is_left_out():
    with raw_socket() as sender:
        sender.bind(("lo", 0))
        import threading

        frame = bytes(12) + b"\x88\xcc" + CHASSIS + PORT + END
        over = threading.Event()

        def speak():
            while not over.wait(0.02):
                sender.send(frame)

        thread = threading.Thread(target=speak)
        thread.start()
        try:
            heard = lldp.neighbours(["lo", "no-such-nic"], 5)
        finally:
            over.set()
            thread.join()
    assert heard == {"lo": {"chassis": "00:11:22:33:44:55", "port": "Ethernet1/7"}}


def test_while_it_listens_the_interface_takes_what_is_sent_to_the_groups(monkeypatch):
    raw_socket().close()
    # Given a NIC whose filter drops groups that nobody asked for, as all do
    taken = []

    def select(*_):
        lines = [line.split() for line in Path("/proc/net/dev_mcast").read_text().splitlines()]
        taken.extend(line[4] for line in lines if line[1] == "lo")
        return [], [], []

    monkeypatch.setattr(lldp.select, "select", select)
    lldp.neighbours(["lo"], 0.001)
    assert {"0180c200000e", "0180c2000003", "0180c2000000"} <= set(taken)


def test_silence_ends_by_its_time():
    raw_socket().close()
    assert lldp.neighbours(["lo"], 0.05) == {}
    assert lldp.neighbours(["no-such-nic"], 60) == {}
