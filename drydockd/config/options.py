"""Every option of the daemon itself: one class per section, typed, ranged, described.

Options of drivers stand beside their drivers, in the same form (`drivers.options`).

Section and option names are those of contract, config, where the option still has a
meaning. The description of an option is what `conf/drydockd.yaml` says about it. Times
are seconds unless the description says minutes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    SecretStr,
    field_validator,
    model_validator,
)

from drydockd.config.events import Events
from drydockd.config.fields import (
    MIB,
    Listen,
    Minutes,
    Networks,
    Paths,
    Section,
    Words,
    opt,
)
from drydockd.config.identity import Auth, KeystoneAuthtoken, OsloPolicy

DEFAULT_REPORT_URL = "http://localhost:9000/api/v1.0/bootactions/"


class Default(Section):
    poll_interval: int = opt(
        10, "Seconds between attempts of a step that has to ask again", ge=1, le=3600
    )


class Api(Section):
    listen: Listen = opt("0.0.0.0:9000", "Address and port of the API")
    node_listen: Listen | None = opt(
        None, "Second address that serves the boot data and boot action routes only"
    )
    public_url: str | None = opt(
        None,
        "How nodes and people reach the API, e.g. https://drydock.example:9000; "
        "bootactions.report_url follows it unless set itself",
        pattern=r"^https?://[^/\s]+(/[^\s]*)?$",
    )
    tls_cert: Path | None = opt(None, "PEM file with the certificate chain; with tls_key: HTTPS")
    tls_key: Path | None = opt(None, "PEM file with the private key")
    trusted_proxies: Networks = opt(
        (), "Networks whose X-Forwarded-For is believed, for logs and slowing down attackers"
    )
    header_bytes: int = opt(16384, "Largest request line and headers together", ge=1024, le=MIB)
    body_bytes: int = opt(MIB, "Largest request body", ge=1024, le=64 * MIB)
    bootaction_body_bytes: int = opt(
        262144, "Largest body of a boot action report", ge=1024, le=64 * MIB
    )
    bodies_bytes: int = opt(
        64 * MIB, "Bodies of all requests on their way, together", ge=1024, le=4096 * MIB
    )
    json_depth: int = opt(32, "Deepest nesting of a JSON body", ge=4, le=512)
    idle_timeout: int = opt(75, "Seconds a connection may wait for its request", ge=1, le=3600)
    body_timeout: int = opt(30, "Seconds in which a request body must arrive", ge=1, le=3600)
    stall_timeout: int = opt(
        60, "Seconds in which a client must take 64 KiB of its answer, or all of it", ge=1, le=3600
    )
    connections: int = opt(
        4096,
        "Connections at once; fewer where the process may not open enough files (LimitNOFILE)",
        ge=1,
        le=1_000_000,
    )
    connections_per_address: int = opt(
        1024,
        "Connections at once from one address; trusted_proxies are not bounded",
        ge=1,
        le=1_000_000,
    )
    handshakes: int = opt(512, "TLS handshakes under way at once", ge=1, le=100_000)
    handshake_timeout: int = opt(10, "Seconds in which a TLS handshake must end", ge=1, le=600)
    wait_limit: int = opt(60, "Longest ?wait= of GET tasks/<id>, seconds", ge=0, le=600)
    long_polls: int = opt(1024, "Requests with ?wait= held open at once", ge=1, le=100_000)
    long_polls_per_caller: int = opt(
        128, "The same of one user; without a user, of one address", ge=1, le=100_000
    )
    event_streams: int = opt(64, "Open GET tasks/<id>/events at once", ge=1, le=10000)
    event_streams_per_caller: int = opt(
        32, "The same of one user; without a user, of one address", ge=1, le=10000
    )
    shutdown_grace: int = opt(
        30, "Seconds that requests and running steps get after SIGTERM", ge=0, le=3600
    )

    @model_validator(mode="after")
    def _one_body_has_room(self) -> Self:
        if max(self.body_bytes, self.bootaction_body_bytes) > self.bodies_bytes:
            raise ValueError("bodies_bytes is less than body_bytes or bootaction_body_bytes")
        return self

    @model_validator(mode="after")
    def _tls_needs_both(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key belong together; one is missing")
        return self


class Store(Section):
    backend: Literal["tiny", "memory", "postgres"] = opt(
        "tiny",
        "tiny: TinyDB files in state_dir; postgres: a database that several daemons share; memory: "
        "nothing survives a restart",
    )
    state_dir: Path = opt(Path("/var/lib/drydockd"), "Folder of the store, its secret and blobs")
    url: SecretStr | None = opt(
        None,
        "Of the database: postgresql://user:password@host:5432,other:5432/name"
        "?target_session_attrs=read-write. With durable=no in it, a server that has fsync, "
        "full_page_writes or synchronous_commit off is warned of instead of refused: a crash or "
        "power cut may then lose what was acknowledged. For tests and labs",
    )
    patience: int = opt(10, "Seconds that a write waits for a database that is away", ge=1, le=3600)
    stale_seconds: int = opt(
        60, "Seconds without a word from the database after which reads are refused", ge=5, le=3600
    )
    compact_bytes: int = opt(
        8 * MIB,
        "Journal size from which it is folded into the file, if it is longer than that",
        ge=4096,
        le=1024 * MIB,
    )
    retention_days: int | None = opt(
        None, "Purge finished tasks older than this many days, daily; null: never", ge=0, le=36500
    )

    @model_validator(mode="after")
    def _has_its_database(self) -> Self:
        if (self.backend == "postgres") != (self.url is not None):
            raise ValueError("say url (store.url) with backend postgres, and with no other")
        return self


class Cluster(Section):
    name: str | None = opt(
        None, "This daemon's name among those of the database; null: the host's", min_length=1
    )
    address: str | None = opt(
        None,
        "Where the other daemons reach this one; null: api.listen, which then names an address",
        pattern=r"^https?://[^\s/]+$",
    )
    lease_seconds: int = opt(
        6, "After so many seconds of silence another daemon takes the work over", ge=2, le=60
    )


class Bootactions(Section):
    report_url: str = opt(
        DEFAULT_REPORT_URL, "Where nodes report to: action.report_url", pattern=r"^https?://\S+$"
    )
    absent_sources: Literal["fail", "stub"] = opt(
        "fail",
        "A source of boot actions that cannot be fetched fails its node before anything is done, "
        "or (labs) a line stands for it",
    )
    key_lifetime: int | None = opt(
        7 * 86400,
        "Seconds after which boot keys are void; null: only a redeploy or destroy voids them",
        ge=60,
        le=366 * 86400,
    )
    template_seconds: int = opt(2, "Longest time to render one template", ge=1, le=300)
    template_workers: int = opt(
        3, "Processes that render templates, of 128 MiB each; one design has one less", ge=1, le=64
    )
    asset_bytes: int = opt(16 * MIB, "Largest rendered asset", ge=1024, le=1024 * MIB)
    archive_bytes: int = opt(64 * MIB, "Largest sum of a node's assets", ge=1024, le=4096 * MIB)
    pinned_bytes: int = opt(
        4096 * MIB,
        "What the fetched sources of all deployments may take in state_dir, each counted once",
        ge=1024,
        le=1024 * 1024 * MIB,
    )
    detail_fields: int = opt(32, "Further fields of one detail of a report", ge=0, le=10_000)
    detail_bytes: int = opt(16384, "Their size together, as JSON", ge=0, le=MIB)
    reports: int = opt(500, "Reports about one boot action", ge=1, le=MIB)
    report_bytes: int = opt(
        524288, "What is kept of them: texts, fields, 256 for each detail", ge=1024, le=1024 * MIB
    )
    node_reports: int = opt(
        2000, "Reports about all boot actions of one node's deployment", ge=1, le=MIB
    )
    node_report_bytes: int = opt(2 * MIB, "What is kept of them", ge=1024, le=1024 * MIB)


class Network(Section):
    http_client_connect_timeout: int = opt(16, "Seconds to connect", ge=1, le=3600)
    http_client_read_timeout: int = opt(300, "Seconds between bytes", ge=1, le=3600)
    http_client_retries: int = opt(3, "Attempts per reference, all in all", ge=1, le=20)
    allowed_schemes: Words = opt(
        (
            "http",
            "https",
            "file",
            "deckhand+http",
            "deckhand+https",
            "promenade+http",
            "promenade+https",
        ),
        "Schemes of design and asset references",
    )
    allowed_roots: Paths = opt((), "Folders that file references may read; empty: none")
    allowed_hosts: Words = opt(
        (), "host or host:port that http references may name; empty: any public address"
    )
    max_document_bytes: int = opt(64 * MIB, "Largest document or asset", ge=1024, le=1024 * MIB)
    fetches: int = opt(
        32, "Fetches of designs and assets at once, half of them from one host", ge=1, le=1000
    )
    fetch_bytes: int = opt(
        128 * MIB,
        "What all of them may have in memory, until it is compiled; one document more",
        ge=MIB,
        le=65536 * MIB,
    )
    design_cache: int = opt(
        180, "Seconds a fetched design is believed unchanged; 0: off", ge=0, le=180
    )


class Networkconfig(Section):
    max_retries: int = opt(10, "Attempts to apply a node's network", ge=1, le=100)
    retry_min_delay: int = opt(10, "Seconds between them, at least", ge=0, le=3600)
    retry_max_delay: int = opt(60, "Seconds between them, at most", ge=0, le=3600)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.retry_min_delay > self.retry_max_delay:
            raise ValueError("retry_min_delay is above retry_max_delay")
        return self


class Plugins(Section):
    oob_driver: Words = opt(
        (), "Out-of-band drivers by short name (see docs/drivers.md), or package.module:Name"
    )
    node_driver: str | None = opt(None, "Node provisioner, named in the same way")
    kubernetes_driver: str | None = opt(None, "Kubernetes driver, named in the same way")
    options: dict[str, dict[str, object]] = opt(
        {}, "Options of drivers named package.module:Name: {package.module:Name: {option: value}}"
    )


class Timeouts(Section):
    drydock_timeout: Minutes = opt(5, "Minutes of a step without a limit of its own")
    create_network_template: Minutes = opt(2, "Minutes to configure the site's networks")
    configure_user_credentials: Minutes = opt(2, "Minutes to configure the site's keys")
    identify_node: Minutes = opt(10, "Minutes until a started node is known to the provisioner")
    configure_hardware: Minutes = opt(30, "Minutes to commission a node")
    apply_node_networking: Minutes = opt(5, "Minutes to apply a node's network")
    apply_node_storage: Minutes = opt(5, "Minutes to apply a node's storage")
    apply_node_platform: Minutes = opt(5, "Minutes to apply a node's platform")
    deploy_node: Minutes = opt(45, "Minutes to deploy a node")
    bootaction_final_status: Minutes = opt(15, "Minutes after deployment for all signals")
    destroy_node: Minutes = opt(30, "Minutes to release and erase a node")
    relabel_node: Minutes = opt(5, "Minutes to relabel a node")


class Logging(Section):
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = opt("INFO", "How much is logged")
    format: Literal["text", "json"] = opt("text", "text or json, one line per event")
    global_logger_name: str = opt("drydock", "Name of the top logger in every line")
    oobdriver_logger_name: str = opt(
        "${global_logger_name}.oobdriver", "Name in the lines of out-of-band drivers"
    )
    nodedriver_logger_name: str = opt(
        "${global_logger_name}.nodedriver", "Name in the lines of node provisioners"
    )
    kubernetesdriver_logger_name: str = opt(
        "${global_logger_name}.kubernetesdriver", "Name in the lines of the Kubernetes driver"
    )
    control_logger_name: str = opt("${global_logger_name}.control", "Name in the lines of the API")

    @model_validator(mode="before")
    @classmethod
    def _fill_in_the_top_name(cls, data: Any) -> Any:
        """Resolve ``${global_logger_name}``, the one interpolation the original's users know."""
        if not isinstance(data, dict):
            return data
        top = data.get("global_logger_name", "drydock")
        names = {
            name: data.get(name, info.default)
            for name, info in cls.model_fields.items()
            if name.endswith("_logger_name")
        }
        resolved = {
            name: value.replace("${global_logger_name}", str(top))
            for name, value in names.items()
            if isinstance(value, str)
        }
        return {**data, **resolved}


class Health(Section):
    timeout: int = opt(5, "Seconds that each check of health/extended may take", ge=1, le=60)
    cache: int = opt(5, "Seconds its result is kept; 0: asked every time", ge=0, le=300)


class Limits(Section):
    parallel_tasks: int = opt(128, "Top-level tasks that run at once", ge=1, le=10000)
    fan_out: int = opt(64, "Nodes of one step worked on at once", ge=1, le=10000)
    driver_calls: int = opt(128, "Calls of one kind of driver at once", ge=1, le=10000)
    retries: int = opt(3, "Retries of deploy, commission and destroy per node", ge=0, le=20)
    design_seconds: int = opt(60, "Longest time to compile one design", ge=1, le=3600)
    design_memory: int = opt(
        256 * MIB,
        "Memory of the process that compiles a design, in bytes; two may run",
        ge=32 * MIB,
        le=16384 * MIB,
    )
    designs_kept: int = opt(
        128 * MIB,
        "Memory for compiled designs that are used again, in bytes; the last one is always kept",
        ge=0,
        le=16384 * MIB,
    )
    design_expansion: int = opt(
        200000,
        "Values that the aliases of one reference's documents may stand for, all together",
        ge=1000,
        le=10000000,
    )


class Metrics(Section):
    enabled: bool = opt(True, "Serve GET /metrics, without authentication and without host names")


class Web(Section):
    enabled: bool = opt(True, "Serve the page for people, on api.listen only")
    base_path: str = opt(
        "/ui", "Path of the page; what stands before drydockd keeps it", pattern=r"^(/[\w.~-]+)+$"
    )
    streams: int = opt(256, "Live views of pages open at once", ge=1, le=10000)
    streams_per_session: int = opt(6, "The same of one login", ge=1, le=1000)

    @field_validator("base_path")
    @classmethod
    def _is_not_the_apis(cls, value: str) -> str:
        if value.split("/")[1] in ("api", "versions", "metrics", ".", ".."):
            raise ValueError("this is a path of the API; choose another, such as /ui")
        return value


class Settings(BaseModel):
    """All sections; `load` makes one, once."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    default: Default = Default()
    api: Api = Api()
    store: Store = Store()
    cluster: Cluster = Cluster()
    events: Events = Events()
    auth: Auth = Auth()
    keystone_authtoken: KeystoneAuthtoken = KeystoneAuthtoken()
    oslo_policy: OsloPolicy = OsloPolicy()
    bootactions: Bootactions = Bootactions()
    network: Network = Network()
    networkconfig: Networkconfig = Networkconfig()
    plugins: Plugins = Plugins()
    timeouts: Timeouts = Timeouts()
    limits: Limits = Limits()
    logging: Logging = Logging()
    health: Health = Health()
    metrics: Metrics = Metrics()
    web: Web = Web()
    # Section -> option -> value as written (secrets wrapped); the driver's own model reads it.
    drivers: Mapping[str, Mapping[str, object]] = {}
