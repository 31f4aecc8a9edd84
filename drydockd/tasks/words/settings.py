"""What the scheduler may be told: time limits, pauses, fan-out, retries, addresses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from drydockd.model import Action

DRIVER_KINDS = ("oob", "node", "kubernetes")
KIB = 1024


@dataclass(frozen=True, slots=True)
class ReportLimits:
    """Per detail, per boot action and per node's deployment; the options of `bootactions`."""

    detail_fields: int = 32
    detail_bytes: int = 16 * KIB
    reports: int = 500
    report_bytes: int = 512 * KIB
    node_reports: int = 2000
    node_report_bytes: int = 2048 * KIB


@dataclass(frozen=True, slots=True)
class PinLimits:
    """Of one fetched source of a boot action, and of all that are kept; of `bootactions`."""

    asset_bytes: int = 16 * KIB * KIB
    pinned_bytes: int = 4096 * KIB * KIB


@dataclass(frozen=True)
class TaskSettings:
    """Everything in seconds unless named otherwise; the defaults are those of the contract.

    A limit holds for one node's attempt at one step, or for a site-wide step.
    `parallel_tasks` is how many top-level tasks run at once, `fan_out` how many nodes of
    one step, `driver_limits` how many calls each kind of driver gets from all tasks
    together, `total_limit` all kinds together. `retries` counts repetitions, so 3 means up
    to 4 executions. `report_url` enters boot action templates, `boot_url` is where a
    deploying node fetches its boot data, `internal_url` begins the
    links to build data. Source: contract, tasks, section 10; orchestration, section 9.
    """

    drydock_timeout: float = 300.0
    create_network_template: float = 120.0
    configure_user_credentials: float = 120.0
    identify_node: float = 600.0
    configure_hardware: float = 1800.0
    apply_node_networking: float = 300.0
    apply_node_storage: float = 300.0
    apply_node_platform: float = 300.0
    deploy_node: float = 2700.0
    bootaction_final_status: float = 900.0
    destroy_node: float = 1800.0
    relabel_node: float = 300.0

    poll_interval: float = 10.0
    noop_seconds: float = 5.0
    resume_grace: float = 10.0
    driver_margin: float = 60.0
    answer_margin: float = 5.0
    abandon_after: float = 1.0
    view_timeout: float = 10.0
    catalogue_timeout: float = 30.0
    catalogue_lifetime: float = 10.0

    parallel_tasks: int = 128
    fan_out: int = 64
    total_limit: int = 256
    driver_limits: Mapping[str, int] = field(
        default_factory=lambda: {"oob": 128, "node": 128, "kubernetes": 64}
    )

    commission_retries: int = 3
    deploy_retries: int = 3
    destroy_retries: int = 3
    relabel_retries: int = 3
    network_max_retries: int = 10
    network_retry_min_delay: float = 10.0
    network_retry_max_delay: float = 60.0

    reports: ReportLimits = field(default_factory=ReportLimits)
    pins: PinLimits = field(default_factory=PinLimits)

    report_url: str = "http://localhost:9000/api/v1.0/bootactions/"
    boot_url: str = "http://localhost:9000/api/v1.0"
    internal_url: str = "http://localhost:9000/api/v1.0"

    retention_days: int | None = 90
    retention_interval: float = 86400.0
    event_buffer: int = 10_000
    event_history: int = 5_000
    longest_wait: float = 300.0

    def limit_of(self, action: Action) -> float:
        """The time limit of a step; `drydock_timeout` where it has none of its own."""
        own = getattr(self, action.value, None)
        return float(own) if isinstance(own, int | float) else self.drydock_timeout

    def oob_limit(self, worst_case_seconds: float) -> float:
        """A driver's own worst case may be longer than the general limit; contract, oob, 2."""
        return max(self.drydock_timeout, worst_case_seconds + self.driver_margin)

    def question_limit(self, ask_seconds: float) -> float:
        """For a step that only asks: one of the driver's calls, whose own error comes first."""
        return min(self.drydock_timeout, ask_seconds + self.answer_margin)

    @property
    def preparation(self) -> float:
        """The limit of one node's whole preparation: identify plus commission."""
        return self.identify_node + self.configure_hardware
