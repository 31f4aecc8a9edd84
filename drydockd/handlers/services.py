"""What the handlers work with: the parts of the daemon, composed by `app`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from drydockd.auth.audit import Audit
    from drydockd.auth.bootkey import BootKeys
    from drydockd.auth.policy import Policy
    from drydockd.auth.strategy import Authenticator
    from drydockd.auth.throttle import Throttle
    from drydockd.config import Settings
    from drydockd.design import Designs
    from drydockd.drivers.base import NodeProvisioner
    from drydockd.handlers.bootrender import BootRenderer
    from drydockd.handlers.healthcheck import HealthChecks
    from drydockd.handlers.measure import Measures
    from drydockd.handlers.proxies import Proxies
    from drydockd.handlers.taskview import TaskViews
    from drydockd.render import ByteCache
    from drydockd.store.base import Store
    from drydockd.tasks import Tasks


@dataclass(slots=True)
class Services:
    """One per daemon; the handlers of every listening address share it."""

    settings: Settings
    store: Store
    designs: Designs
    tasks: Tasks
    auth: Authenticator
    policy: Policy
    bootkeys: BootKeys
    throttle: Throttle
    audit: Audit
    node_driver: NodeProvisioner | None
    bootdata: BootRenderer
    archives: ByteCache[Any]
    health: HealthChecks
    measures: Measures
    proxies: Proxies
    views: TaskViews
    open_streams: int = 0
