"""The options of the driver `maas`; the first five are those of the original."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, model_validator

from drydockd.drivers.node.maas.oauth import ApiKey, parse_key
from drydockd.drivers.options import Options, SecretStr, opt


def _url(value: str) -> str:
    """Return the URL without what the API's own path repeats."""
    return value.rstrip("/").removesuffix("/api/2.0").rstrip("/")


def _key(value: SecretStr) -> SecretStr:
    parse_key(value.get_secret_value())
    return value


class MaasOptions(Options):
    """Times are seconds. `maas_api_url` and `maas_api_key` must be given."""

    maas_api_url: Annotated[str, AfterValidator(_url)] = opt(
        ..., "Where MAAS is, as http://10.0.0.2:5240/MAAS", pattern=r"^https?://[^\s/?#]+[^\s?#]*$"
    )
    maas_api_key: Annotated[SecretStr, AfterValidator(_key)] = opt(
        ...,
        "The API key of a MAAS administrator, consumer:token:secret; MAAS_API_KEY means it too",
        env="MAAS_API_KEY",
    )
    use_node_oob_params: bool = opt(
        False, "Give MAAS the type, address and account of the BMC that the design has"
    )
    skip_bmc_config: bool = opt(
        False, "Leave the BMC's accounts alone when a machine is commissioned"
    )
    poll_interval: float = opt(
        10.0, "Seconds between two looks at a machine that is busy", gt=0, le=600
    )
    testing_scripts: str = opt(
        "",
        "Which tests commissioning runs, by name or tag, with commas; none: no tests; empty: "
        "those that MAAS runs by itself",
    )
    ca_file: Path | None = opt(
        None, "PEM file with the CA of MAAS' certificate; null: those of the system"
    )
    connect_seconds: float = opt(5.0, "Seconds for a connection", gt=0, le=300)
    read_seconds: float = opt(60.0, "Seconds for an answer", gt=0, le=600)
    retry_seconds: float = opt(
        30.0,
        "How long a request that may be repeated is, while MAAS does not answer; 0: never",
        ge=0,
        le=600,
    )
    connections: int = opt(8, "Requests to MAAS at once; others wait", ge=1, le=256)

    @model_validator(mode="after")
    def _a_ca_is_for_https(self) -> Self:
        if self.ca_file is not None and not self.maas_api_url.startswith("https:"):
            raise ValueError("ca_file is of no use without https in maas_api_url")
        return self

    @property
    def key(self) -> ApiKey:
        return parse_key(self.maas_api_key.get_secret_value())
