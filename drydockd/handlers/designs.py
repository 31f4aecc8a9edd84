"""POST validatedesign, and the retired designs routes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import ClassVar

from drydockd import errors
from drydockd.api.error import Error
from drydockd.api.validation import Validation, ValidationRequest
from drydockd.design.validate import status_document
from drydockd.drivers.base import NodeProvisioner
from drydockd.handlers import body
from drydockd.handlers.barrier import Reads
from drydockd.handlers.base import BaseHandler
from drydockd.model import timestamp
from drydockd.site import Catalogue, Finding, Level

log = logging.getLogger(__name__)


class ValidateDesignHandler(BaseHandler):
    """Validates a design now and tells the outcome: 200 valid, 400 not. A fresh result per call."""

    reads: ClassVar = Reads.OTHERS
    policy: ClassVar = {"POST": "validate_site_design"}
    names: ClassVar = {"POST": "validate_design"}
    about: ClassVar = {
        "POST": "the [verdict](rules.md): 200 valid, 400 not",
    }
    bodies: ClassVar = {"POST": ValidationRequest}
    answers: ClassVar = {("POST", 200): Validation, ("POST", 400): Validation | Error}

    async def post(self) -> None:
        ref = self._href()
        designs = self.services.designs
        try:
            design = await designs.load(
                ref,
                marker=self.caller.external_marker,
                end_user=self.caller.end_user,
                owner=self.caller.user,
            )
        except errors.SourceUnavailable as error:
            unreachable = Finding("DD000", Level.ERROR, str(error), ts=timestamp())
            self.reply(status_document([unreachable]), 400)
            return
        findings: Sequence[Finding] = design.findings
        if design.ok:
            findings = await designs.validate(design, await self._catalogue())
        answer = status_document(findings)
        self.reply(answer, 200 if answer["status"] == "Success" else 400)

    def _href(self) -> str:
        if not self.request.body.strip():
            raise errors.InvalidInput("Request body must not be empty for validation.")
        body.check_type(self.request.headers.get("Content-Type", ""))
        try:
            asked = body.parse(self.request.body, self.services.settings.api.json_depth)
        except errors.InvalidInput as error:
            raise errors.InvalidInput(f"{self.request.path}: {error}") from None
        return body.parsed(ValidationRequest, asked if isinstance(asked, dict) else {}).href

    async def _catalogue(self) -> Catalogue | None:
        """Return what the provisioner offers; None, which is a warning, when it cannot be asked."""
        driver: NodeProvisioner | None = self.services.node_driver
        if driver is None:
            return None
        try:
            async with asyncio.timeout(self.services.settings.health.timeout):
                return await driver.catalogue()
        except (errors.DriverError, TimeoutError) as error:
            log.warning("the provisioner's catalogue: %s", error or "no answer in time")
            return None


class _Retired(BaseHandler):
    """Designs are not stored here; answers so, after the policy check, whatever else is said."""

    reads: ClassVar = Reads.OTHERS
    about: ClassVar = dict.fromkeys(("GET", "POST"), "410: designs are not stored here")
    answers: ClassVar = {("GET", 410): Error, ("POST", 410): Error}

    def _check_query(self) -> None:
        return None

    def gone(self, *args: str) -> None:
        raise errors.Gone("Designs are not stored here; name their place as design_ref")


class DesignsHandler(_Retired):
    policy: ClassVar = {"GET": "read_data", "POST": "ingest_data"}
    names: ClassVar = {"GET": "get_designs", "POST": "create_design"}
    get = post = _Retired.gone


class DesignHandler(_Retired):
    policy: ClassVar = {"GET": "read_data"}
    names: ClassVar = {"GET": "get_design"}
    get = _Retired.gone


class DesignPartsHandler(_Retired):
    policy: ClassVar = {"GET": "ingest_data", "POST": "ingest_data"}
    names: ClassVar = {"GET": "get_design_parts", "POST": "create_design_parts"}
    get = post = _Retired.gone
