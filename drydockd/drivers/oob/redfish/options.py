"""The options of the redfish driver, and what follows from them: the time its calls may take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, model_validator

from drydockd.drivers.options import Options, opt
from drydockd.oob import parse_fingerprint

# As many slow answers as one of the driver's calls may need: service root, login, system, the
# change, and what it reads afterwards. Source: contract, oob-faults, D.
SLOW_ANSWERS = 5

Fingerprint = Annotated[str, AfterValidator(parse_fingerprint)]


class RedfishOptions(Options):
    max_retries: int = opt(
        10,
        "Repeats of a request that is lost or answered with a 5xx, a second apart",
        ge=1,
        le=1000,
    )
    power_state_change_max_retries: int = opt(
        18,
        "Looks at the power after it was told to change; times the interval: how long",
        ge=1,
        le=10_000,
    )
    power_state_change_retry_interval: float = opt(
        10.0, "Longest seconds between two such looks; the first come sooner", gt=0, le=3600
    )
    use_ssl: bool = opt(True, "HTTPS; false: HTTP, and BMC passwords cross the network readable")
    port: int | None = opt(
        None,
        "TCP port of the BMCs; null: 443, 80 without use_ssl; oob.port of a node wins",
        ge=1,
        le=65535,
    )
    verify: bool | None = opt(
        None,
        "Check the BMC's certificate; null: if ca_file is given; oob.verify of a node wins",
    )
    ca_file: Path | None = opt(None, "PEM file with the CAs of the BMCs; null: those of the system")
    fingerprints: dict[str, Fingerprint] = opt(
        {},
        "BMC address or node name: SHA-256 fingerprint of the one certificate accepted there",
    )
    tls_legacy: bool = opt(
        False, "Accept TLS 1.0 and 1.1, weak ciphers and keys, for BMCs of before 2015"
    )
    session: Literal["auto", "session", "basic"] = opt(
        "auto", "Log in by a session; auto: basic authentication where the BMC gives none"
    )
    system_id: str | None = opt(
        None, "Which system of a BMC with several, for all nodes; oob.system_id of a node wins"
    )
    connect_seconds: float = opt(5.0, "Seconds for a connection, and for its TLS", gt=0, le=300)
    read_seconds: float = opt(60.0, "Seconds for an answer", gt=0, le=600)

    @model_validator(mode="after")
    def _a_ca_is_for_checking(self) -> Self:
        if self.ca_file is not None and self.verify is False:
            raise ValueError("ca_file without checking: leave verify out, or remove ca_file")
        if not self.use_ssl and (self.ca_file or self.verify or self.fingerprints):
            raise ValueError("ca_file, verify and fingerprints are of no use with use_ssl: false")
        return self

    @property
    def ask_seconds(self) -> float:
        """The deadline of a call that asks or sets something."""
        return SLOW_ANSWERS * (self.connect_seconds + self.read_seconds)

    @property
    def change_seconds(self) -> float:
        """How long the power may take to change after the BMC was told."""
        return self.power_state_change_max_retries * self.power_state_change_retry_interval
