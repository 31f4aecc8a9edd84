"""The first page: the machines."""

from __future__ import annotations

from typing import ClassVar

from drydockd.web.page import PageHandler


class MachinesHandler(PageHandler):
    policy: ClassVar = {"GET": "read_data"}
    about: ClassVar = {"GET": "the machines"}
    parameters: ClassVar = {"GET": ("q", "sort")}

    async def get(self) -> None:
        driver = self.services.node_driver
        rows = [] if driver is None else await driver.list_nodes()
        await self.render_long("machines.html", title="Machines", rows=rows)
