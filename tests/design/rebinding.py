"""A network of its own with a name server that changes its answers; run by test_rebinding.

``unshare -rmn python -m tests.design.rebinding FOLDER`` prints, as JSON, what each reference
brought and which answers of the name server it took. Names are resolved by the system's own
resolver, over UDP, and fetched by the real source.
"""

import asyncio
import json
import socket
import struct
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

from drydockd.design import Designs
from drydockd.design.http_source import HttpSource
from drydockd.errors import DrydockError

PUBLIC, PRIVATE, LOOPBACK = "93.184.216.34", "10.0.0.1", "127.0.0.1"
PUBLIC6, PRIVATE6 = "2606:2800::1", "fd00::1"
A, AAAA = 1, 28
# Name -> type -> the answers to one query after the other; the last one stays.
ZONE = {
    "rebind.test": {A: [[PUBLIC], [PRIVATE]]},
    "rebind-loopback.test": {A: [[PUBLIC], [LOOPBACK]]},
    "rebind6.test": {AAAA: [[PUBLIC6], [PRIVATE6]]},
    "turned.test": {A: [[PRIVATE], [PUBLIC]]},
    "mixed.test": {A: [[PUBLIC]], AAAA: [["::1"]]},
    "mapped.test": {A: [[PUBLIC]], AAAA: [["::ffff:10.0.0.1"]]},
    "mixed6.test": {A: [[PRIVATE]], AAAA: [[PUBLIC6]]},
    "several.test": {A: [[PRIVATE, "169.254.169.254", PUBLIC]]},
    "hidden.test": {A: [[PRIVATE]], AAAA: [["::1", "fe80::1", "64:ff9b::a00:1"]]},
}


class NameServer(threading.Thread):
    """Answers over UDP by ZONE; `asked` counts the queries by name and type."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.asked: Counter[tuple[str, int]] = Counter()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((LOOPBACK, 53))

    def run(self) -> None:
        while True:
            query, client = self.socket.recvfrom(4096)
            self.socket.sendto(self.answer(query), client)

    def answer(self, query: bytes) -> bytes:
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode().lower())
            at += 1 + query[at]
        (kind,) = struct.unpack_from(">H", query, at + 1)
        question, name = query[12 : at + 5], ".".join(labels)
        turns = ZONE.get(name, {}).get(kind, [[]])
        addresses = turns[min(self.asked[name, kind], len(turns) - 1)]
        self.asked[name, kind] += 1
        head = query[:2] + struct.pack(">HHHHH", 0x8580, 1, len(addresses), 0, 0)
        return head + question + b"".join(self.record(kind, text) for text in addresses)

    def record(self, kind: int, text: str) -> bytes:
        data = socket.inet_pton(socket.AF_INET if kind == A else socket.AF_INET6, text)
        # The name of the question, no time to live: nobody may remember it.
        return struct.pack(">HHHIH", 0xC00C, kind, 1, 0, len(data)) + data


def set_up(folder: Path) -> None:
    """Make the network, and this process' system ask the name server."""
    for name, text in (
        ("resolv.conf", f"nameserver {LOOPBACK}\n"),
        ("nsswitch.conf", "hosts: dns\n"),
    ):
        (folder / name).write_text(text)
        subprocess.run(["mount", "--bind", str(folder / name), f"/etc/{name}"], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for address in (PUBLIC, PRIVATE, f"{PUBLIC6}/128", f"{PRIVATE6}/128"):
        subprocess.run(["ip", "address", "add", address, "dev", "lo"], check=True)


async def say_who_you_are(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    address = writer.get_extra_info("sockname")[0].encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(address)}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode() + address)
    writer.close()


async def found(name: str) -> str:
    designs = Designs(attempts=1)
    try:
        return (await designs.fetch(f"http://{name}/")).decode()
    except DrydockError as error:
        return str(error)
    finally:
        await designs.close()


def without_pinning() -> None:
    """Connect to the name, as any client does, instead of the address that was checked."""
    pinned = HttpSource._request

    async def by_name(self, address, url, headers, basic, reference, known, hold):
        return await pinned(self, reference.host, url, headers, basic, reference, known, hold)

    HttpSource._request = by_name


async def main() -> None:
    set_up(Path(sys.argv[1]))
    server = NameServer()
    server.start()
    for family, anywhere in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        listener = socket.socket(family)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((anywhere, 80))
        await asyncio.start_server(say_who_you_are, sock=listener)
    pinned = {name: await found(name) for name in ZONE}
    asked = {name: max(server.asked[name, A], server.asked[name, AAAA]) for name in ZONE}
    server.asked.clear()
    without_pinning()
    print(json.dumps([pinned, asked, {name: await found(name) for name in ZONE}]))


if __name__ == "__main__":
    asyncio.run(main())
