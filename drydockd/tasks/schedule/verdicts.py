"""Verdicts on designs with what the provisioner offers, shared by tasks that follow closely."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from drydockd.drivers.base import NodeProvisioner
from drydockd.errors import DrydockError
from drydockd.site import Catalogue, Finding
from drydockd.tasks.shared.limits import LimitPassed, bounded
from drydockd.tasks.words.settings import TaskSettings

if TYPE_CHECKING:
    from drydockd.design import Design, Designs

log = logging.getLogger(__name__)

KEPT = 8
# Images with their kernels, and why they could not be told.
Offered = tuple[tuple[tuple[str, tuple[str, ...]], ...], str | None]


class Verdicts:
    """The validator's findings by design and catalogue, the latest few.

    The catalogue is asked for at most every `catalogue_lifetime` seconds, also one that did
    not come: a hundred tasks at once ask a slow provisioner once.
    """

    def __init__(
        self, designs: Designs, provisioner: NodeProvisioner | None, settings: TaskSettings
    ) -> None:
        self._designs = designs
        self._provisioner = provisioner
        self._settings = settings
        self._lock = asyncio.Lock()
        self._catalogue: Catalogue | None = None
        self._until = 0.0
        self._kept: OrderedDict[tuple[str, Offered | None], Sequence[Finding]] = OrderedDict()

    async def of(self, design: Design) -> Sequence[Finding]:
        """Return the findings of reading, compiling and all rules."""
        async with self._lock:
            catalogue = await self._offered()
            offered = _offered(catalogue) if catalogue else None
            key = (design.digest, offered)
            if key not in self._kept or not design.digest:
                self._kept[key] = tuple(await self._designs.validate(design, catalogue))
            self._kept.move_to_end(key)
            findings = self._kept[key]
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return findings

    async def _offered(self) -> Catalogue | None:
        if self._provisioner is None:
            return None
        if time.monotonic() >= self._until:
            self._catalogue = await self._asked(self._provisioner)
            self._until = time.monotonic() + self._settings.catalogue_lifetime
        return self._catalogue

    async def _asked(self, provisioner: NodeProvisioner) -> Catalogue:
        seconds = self._settings.catalogue_timeout
        try:
            return await bounded(provisioner.catalogue(), seconds, name="catalogue")
        except (DrydockError, LimitPassed) as error:
            why = error if isinstance(error, DrydockError) else f"no answer within {seconds:g} s"
            log.warning("the node provisioner gave no catalogue: %s", why)
            return Catalogue({}, failure=str(why))


def _offered(catalogue: Catalogue) -> Offered:
    return tuple(catalogue.images.items()), catalogue.failure
