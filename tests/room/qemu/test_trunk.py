import asyncio
import os
import socket
import struct

import pytest

from drydockd.room.qemu.trunk import HOST, Port, Switch, Trunk, lacp_answer, tagged, untagged

FIRST, SECOND, OTHER = Port(1, 0), Port(1, 1), Port(2, 0)
PORTS = (FIRST, SECOND, OTHER, Port(2, 1))
A, B, H = (
    bytes.fromhex("525400dd0101"),
    bytes.fromhex("525400dd0201"),
    bytes.fromhex("02aabbccddee"),
)
EVERYBODY = b"\xff" * 6


def frame(target, source, text=b"hello"):
    return target + source + b"\x08\x00" + text.ljust(46, b"\0")


@pytest.fixture
def switch():
    return Switch(21, PORTS)


def test_the_host_sees_frames_of_the_vlan_without_their_tag(switch):
    assert (HOST, frame(EVERYBODY, A)) in list(switch.taken(FIRST, tagged(frame(EVERYBODY, A), 21)))


def test_a_broadcast_reaches_each_other_machine_once_and_not_its_sender(switch):
    sent = list(switch.taken(FIRST, tagged(frame(EVERYBODY, A), 21)))
    assert [port for port, _ in sent] == [HOST, OTHER]
    assert sent[1][1] == tagged(frame(EVERYBODY, A), 21)


def test_an_answer_goes_to_the_port_its_receiver_was_heard_on(switch):
    list(switch.taken(SECOND, tagged(frame(EVERYBODY, A), 21)))
    assert list(switch.taken(HOST, frame(A, H))) == [(SECOND, tagged(frame(A, H), 21))]


@pytest.mark.parametrize("raw", [frame(EVERYBODY, A), tagged(frame(EVERYBODY, A), 22), b"short"])
def test_what_is_not_of_the_vlan_goes_nowhere(switch, raw):
    assert list(switch.taken(FIRST, raw)) == []


def test_a_tag_comes_off_as_it_went_on():
    assert untagged(tagged(frame(A, H), 21), 21) == frame(A, H)


def lacpdu(actor):
    head = bytes.fromhex("0180c2000002") + A + b"\x88\x09\x01\x01"
    return head + b"\x01\x14" + actor + b"\x02\x14" + bytes(18) + b"\x03\x10" + bytes(66)


def test_an_lacp_partner_tells_the_machine_its_own_words_back():
    actor = struct.pack(">H6sHHHB3x", 65535, A, 15, 255, 1, 0x07)
    answer = lacp_answer(lacpdu(actor), FIRST)
    assert (len(answer), answer[12:17]) == (124, b"\x88\x09\x01\x01\x01")
    assert answer[36:38] + answer[38:56] == b"\x02\x14" + actor
    # Activity, short timeout, aggregation, in sync, collecting, distributing.
    assert answer[34 - 2] == 0b00111111


def test_ports_of_one_machine_have_one_key_and_numbers_of_their_own(switch):
    blocks = {}
    for port in PORTS:
        [(target, answer)] = switch.taken(port, lacpdu(bytes(18)))
        assert target == port
        _, system, key, _, number, _ = struct.unpack(">H6sHHHB3x", answer[18:36])
        blocks[port] = (system, key, number)
    assert blocks[FIRST][:2] == blocks[SECOND][:2] != blocks[OTHER][:2]
    assert len({number for _, _, number in blocks.values()}) == len(PORTS)


def test_other_slow_protocols_are_for_nobody_else(switch):
    marker = bytes.fromhex("0180c2000002") + A + b"\x88\x09\x02" + bytes(50)
    assert list(switch.taken(FIRST, marker)) == []


async def test_frames_go_between_sockets_and_the_hosts_tap(tmp_path):
    ours, tap = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    theirs, switchs = tmp_path / "port", tmp_path / "switch"
    with ours, tap, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as machine:
        machine.bind(str(theirs))
        machine.setblocking(False)
        ours.setblocking(False)
        trunk = Trunk(21, {FIRST: (theirs, switchs)}, os.dup(tap.fileno()))
        trunk.start()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(5):
                machine.sendto(tagged(frame(EVERYBODY, A), 21), str(switchs))
                assert await loop.sock_recv(ours, 2000) == frame(EVERYBODY, A)
                ours.send(frame(A, H))
                assert await loop.sock_recv(machine, 2000) == tagged(frame(A, H), 21)
                # An unplugged machine loses frames, and nothing else happens.
                theirs.unlink()
                ours.send(frame(A, H))
                machine.sendto(lacpdu(bytes(18)), str(switchs))
                machine.sendto(tagged(frame(EVERYBODY, A), 21), str(switchs))
                assert await loop.sock_recv(ours, 2000) == frame(EVERYBODY, A)
        finally:
            trunk.close()
