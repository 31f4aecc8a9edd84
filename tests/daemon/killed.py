"""A daemon process that is killed again and again, over a room of another process and its BMCs."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import asynccontextmanager

from bench.daemon import free_port, running
from bench.resume import ENDED, messages, shown
from bench.roomprocess import room_process
from drydockd.design.compile import compile_site
from drydockd.room.access import RoomAccess
from drydockd.room.card import card_of
from tests.daemon.fleet import Cable, workers
from tests.tasks.helpers import names


class Killed:
    """A site whose daemon dies by SIGKILL when it is told to, and comes up again."""

    def __init__(self, folder, room, port, text, options):
        self.folder, self.port, self.room, self.options = folder, port, room, options
        self.file = folder / "site.yaml"
        self.file.write_text(text)
        self.task_id = ""
        self.kills = 0

    def running(self):
        return running(self.folder, port=self.port, **self.options)

    async def run(self, action):
        """Run a task to its end; return it."""
        async with self.running() as daemon:
            body = {"action": action, "design_ref": self.file.as_uri(), "all_nodes": True}
            return await daemon.finished(body)

    async def told(self, path):
        """What a daemon, started for it, answers to a GET."""
        async with self.running() as daemon, daemon.client() as client:
            return (await client.get(path)).raise_for_status().json()

    async def kill_at(self, action, moment):
        """Start `action`, or the daemon that goes on with it, and kill it at `moment`."""
        async with self.running() as daemon:
            if not self.task_id:
                body = {"action": action, "design_ref": self.file.as_uri(), "all_nodes": True}
                async with daemon.client() as client:
                    made = await client.post("/tasks", json=body)
                    self.task_id = made.raise_for_status().json()["task_id"]
            async with asyncio.timeout(60):
                await moment
            daemon.process.kill()
            await asyncio.to_thread(daemon.process.wait)
            self.kills += 1

    async def end(self):
        """Let a last daemon end the task; return it, and all that was said in its tree."""
        async with self.running() as daemon:
            async with asyncio.timeout(120):
                while (task := await shown(daemon, self.task_id, wait=30))["status"] not in ENDED:
                    pass
            tree = await shown(daemon, self.task_id, layers=-1)
        said = [text for one in tree.values() if isinstance(one, dict) for text, _ in messages(one)]
        return task, said

    async def machines(self):
        return {machine["name"]: machine for machine in await self.room.machines()}

    def log(self):
        return (self.folder / "daemon.log").read_text()


@asynccontextmanager
async def a_killed_site(folder, text, cables, **sections):
    """A site `text` whose machines stand in a room; `cables(name, cable)` is given each one's."""
    compiled, findings = compile_site(text.encode())
    assert not findings, findings[0]
    nodes = names(len(compiled.nodes))
    machines = [
        {"name": name, "bmc": node.oob_address, "boot_mac": node.boot_mac, "power": "on"}
        for name, node in compiled.nodes.items()
    ]
    never = {"faults": [{"fault": "never_boots"}]}
    async with contextlib.AsyncExitStack() as stack:
        process = await stack.enter_async_context(
            room_process(folder, {"machines": machines, **never})
        )
        access = RoomAccess(url=process.url, room="default", config=None, folder=None)
        stack.push_async_callback(access.close)
        group = await stack.enter_async_context(workers())
        for name in nodes:
            cable = Cable(access.port(), card_of(compiled.nodes[name]))
            cables(name, cable)
            group.append(asyncio.create_task(cable.work()))
        options = {"fake_driver": {"url": process.url}, **sections}
        yield Killed(folder, process, free_port(), text, options)
