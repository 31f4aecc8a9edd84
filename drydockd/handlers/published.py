"""Which numbers of the parts GET metrics shows, besides those of the requests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from drydockd.auth.certificates import Expiry
from drydockd.auth.identity import ServiceIdentity
from drydockd.auth.lookups import Lookups
from drydockd.drivers.counted import CountedOob
from drydockd.handlers.services import Services
from drydockd.handlers.shared import of_runner, publish_cluster, publish_store


def publish(
    services: Services,
    certificates: Sequence[Expiry],
    identity: ServiceIdentity | None,
    lookups: Lookups,
    bmcs: Sequence[CountedOob] = (),
) -> None:
    """Register every number; each is read when somebody asks for the metrics."""
    throttle = services.throttle

    def ends() -> Iterator[tuple[str, float]]:
        for expiry in certificates:
            if expiry.not_after is not None:
                yield expiry.name, expiry.not_after.timestamp()

    measures, outlook = services.measures, services.outlook
    publish_store(services)
    publish_cluster(services)
    measures.gauge(
        "drydock_provisioner_up",
        "1 while the node provisioner answers.",
        lambda: outlook.up("provisioner"),
    )
    measures.gauge(
        "drydock_keystone_up", "1 while Keystone answers.", lambda: outlook.up("keystone")
    )
    measures.gauge(
        "drydock_nodes",
        "Nodes of the provisioner by state.",
        of_runner(services, outlook.nodes),
        label="state",
    )
    measures.counter(
        "drydock_bmc_calls",
        "Operations asked of BMCs.",
        lambda: [(bmc.name, float(bmc.calls)) for bmc in bmcs],
        label="driver",
    )
    measures.counter(
        "drydock_bmc_errors",
        "Operations of BMCs that failed.",
        lambda: [
            ((bmc.name, kind), float(count)) for bmc in bmcs for kind, count in bmc.errors.items()
        ],
        "driver",
        "kind",
    )
    measures.gauge(
        "drydock_store_free_bytes",
        "Room left on the disk of the state directory.",
        outlook.free,
    )
    measures.counter(
        "drydock_auth_failures",
        "Refused tokens, boot action keys and unknown boot action ids.",
        lambda: iter(sorted((kind, float(n)) for kind, n in throttle.failures.items())),
    )
    measures.counter(
        "drydock_auth_delays",
        "Refusals that were answered late, to slow their sender down.",
        lambda: iter([("", float(throttle.delayed))]),
    )
    measures.gauge(
        "drydock_auth_tracked_addresses",
        "Addresses whose refusals are remembered.",
        lambda: iter([("", float(throttle.tracked))]),
    )
    measures.counter(
        "drydock_auth_unknown_tokens_refused",
        "Unknown tokens that were refused without asking Keystone, as too many were wrong.",
        lambda: iter([("", float(lookups.refused))]),
    )
    if identity is not None:
        measures.counter(
            "drydock_keystone_requests",
            "Requests made of Keystone.",
            lambda: iter([("", float(identity.requests))]),
        )
    measures.gauge(
        "drydock_event_streams",
        "Open event streams.",
        lambda: iter([("", float(services.streams.open))]),
    )
    measures.gauge(
        "drydock_long_polls",
        "Requests that wait for a change.",
        lambda: iter([("", float(services.polls.open))]),
    )
    couriers = services.couriers.all
    measures.gauge(
        "drydock_webhook_up",
        "1 while the receiver takes events.",
        of_runner(services, lambda: ((c.name, float(c.problem() is None)) for c in couriers)),
        label="webhook",
    )
    measures.gauge(
        "drydock_webhook_lag_events",
        "Events the receiver has not taken yet.",
        of_runner(services, lambda: ((c.name, float(c.lag_events)) for c in couriers)),
        label="webhook",
    )
    measures.gauge(
        "drydock_webhook_lag_seconds",
        "Age of the event the receiver is to take next.",
        of_runner(services, lambda: ((c.name, c.lag_seconds) for c in couriers)),
        label="webhook",
    )
    measures.counter(
        "drydock_webhook_events",
        "Events that the receiver took.",
        lambda: ((c.name, float(c.delivered)) for c in couriers),
        label="webhook",
    )
    measures.counter(
        "drydock_webhook_failures",
        "Attempts that failed.",
        lambda: ((c.name, float(c.failures)) for c in couriers),
        label="webhook",
    )
    measures.counter(
        "drydock_webhook_refused",
        "Events left out, as the receiver would never take them.",
        lambda: ((c.name, float(c.refused)) for c in couriers),
        label="webhook",
    )
    connections = services.connections
    measures.gauge(
        "drydock_connections",
        "Connections open, and those of them whose TLS handshake is not done.",
        lambda: iter(
            [("open", float(connections.open)), ("handshake", float(connections.shaking))]
        ),
    )
    measures.counter(
        "drydock_connections_closed",
        "Connections refused, closed to make room, or closed because the client took nothing.",
        lambda: iter(
            [
                ("refused", float(connections.refused)),
                ("evicted", float(connections.evicted)),
                ("stalled", float(connections.stalled)),
            ]
        ),
    )
    measures.gauge(
        "drydock_certificate_expiry_timestamp_seconds",
        "When the configured certificates end.",
        ends,
    )
