"""What the firmware of a guest does, as its network card and its serial port tell."""

import asyncio

DHCP_DISCOVER = bytes([53, 1, 1])


class Wire(asyncio.DatagramProtocol):
    """The other end of a guest's network card: every datagram is a frame."""

    def __init__(self):
        self.discovers = asyncio.Queue()

    def connection_made(self, transport):
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data, address):
        if data[12:14] == b"\x08\x00" and data[23:24] == b"\x11" and DHCP_DISCOVER in data:
            self.discovers.put_nowait(data)


class Serial:
    """Where a guest's serial port is connected to: what it writes, since it was started."""

    def __init__(self):
        self.written = asyncio.Queue()

    async def serve(self, reader, writer):
        while data := await reader.read(100):
            self.written.put_nowait(data)
        writer.close()


def mac_of(frame):
    """Who sent it."""
    return frame[6:12].hex(":")


# A machine for the hook of drydockd.room.qemu.bmc, without disks worth the name.
MACHINE = """\
#!/bin/sh
order=c
[ "$1" = pxe ] && order=n
exec qemu-system-x86_64 -accel tcg -m 64 -display none -daemonize -pidfile pid -boot order=$order \
  -drive file=disk,format=raw -serial tcp:127.0.0.1:{serial} \
  -netdev socket,id=n0,udp=127.0.0.1:{network},localaddr=127.0.0.1:{local} \
  -device virtio-net-pci,netdev=n0,mac={mac}
"""


def machine(*, network, local, serial, mac):
    """The program, for ``ipmi_sim(..., chassis=CHASSIS, machine=)``."""
    text = MACHINE
    for name, value in {"network": network, "local": local, "serial": serial, "mac": mac}.items():
        text = text.replace(f"{{{name}}}", str(value))
    return text
