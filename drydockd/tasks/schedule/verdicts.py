"""Verdicts on designs with what the provisioner offers, shared by tasks that follow closely."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from drydockd.drivers.base import NodeProvisioner
from drydockd.errors import DrydockError
from drydockd.site import Catalogue
from drydockd.tasks.shared.limits import LimitPassed, bounded
from drydockd.tasks.words.messages import Verdict
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
        self._offered: Offered | None = None
        self._until = 0.0
        self._kept: OrderedDict[tuple[str, Offered | None], Verdict] = OrderedDict()

    async def of(self, design: Design) -> Verdict:
        """Return the findings of reading, compiling and all rules."""
        key = (design.digest, self._offered)
        if self.is_at_hand(design):
            self._kept.move_to_end(key)
            return self._kept[key]
        async with self._lock:
            await self._ask_if_due()
            key = (design.digest, self._offered)
            if key not in self._kept or not design.digest:
                self._kept[key] = Verdict(await self._designs.validate(design, self._catalogue))
            self._kept.move_to_end(key)
            verdict = self._kept[key]
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return verdict

    def is_at_hand(self, design: Design) -> bool:
        """Return whether `of` would answer at once: nobody is asked, nothing is judged."""
        is_known = design.digest and (design.digest, self._offered) in self._kept
        return bool(is_known) and not self._is_due() and not self._lock.locked()

    def _is_due(self) -> bool:
        return self._provisioner is not None and time.monotonic() >= self._until

    async def _ask_if_due(self) -> None:
        if self._provisioner is not None and self._is_due():
            self._catalogue = await self._asked(self._provisioner)
            self._offered = _offered(self._catalogue)
            self._until = time.monotonic() + self._settings.catalogue_lifetime

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
