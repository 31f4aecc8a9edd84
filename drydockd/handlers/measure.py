"""The daemon's metrics: base units, no label that grows with hosts or tasks."""

from __future__ import annotations

import asyncio
import platform
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, Info, disable_created_metrics, exposition
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.utils import floatToGoString

from drydockd import __version__

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
Numbers = Iterable[tuple[str | tuple[str, ...], float]]
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Measures:
    """Counts requests as they end; everything else is read when somebody asks.

    One per daemon, with a registry of its own: two daemons in one process do not mix.
    """

    def __init__(self) -> None:
        # Creation times double the output and are asked for by nobody.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        ProcessCollector(namespace="drydock", registry=self.registry)
        GCCollector(registry=self.registry)
        self._answers = _Answers()
        self.registry.register(self._answers)
        build = Info(
            "drydock_build", "The program: its version and Python's.", registry=self.registry
        )
        build.info({"version": __version__, "python": platform.python_version()})

    def request(self, route: str, method: str, code: int, seconds: float) -> None:
        """Count one answer. `route` is the pattern, never the path as sent."""
        verb = method if method in METHODS else "other"
        self._answers.add(route or "unknown", verb, code, seconds)

    def gauge(
        self, name: str, text: str, read: Callable[[], Numbers], *labels: str, label: str = "kind"
    ) -> None:
        """Publish `read`, asked at each scrape; it yields (value of the label, number).

        No value, the empty text: no label. With several `labels` the values are a tuple.
        """
        self.registry.register(_Asked(GaugeMetricFamily, name, text, read, labels or (label,)))

    def counter(
        self, name: str, text: str, read: Callable[[], Numbers], *labels: str, label: str = "kind"
    ) -> None:
        """Like `gauge`, for numbers that only grow."""
        self.registry.register(_Asked(CounterMetricFamily, name, text, read, labels or (label,)))

    async def shown(self) -> bytes:
        """Return everything as Prometheus reads it; the text is put together in a thread."""
        return await asyncio.to_thread(
            exposition.generate_latest, _Collected(list(self.registry.collect()))
        )


class _Collected(CollectorRegistry):
    """What was collected on the loop, where the parts may be asked."""

    def __init__(self, found: list[Metric]) -> None:
        super().__init__()
        self._found = found

    def collect(self) -> Iterator[Metric]:
        return iter(self._found)


class _Answers:
    """How many answers there were, and how long they took.

    Plain numbers until somebody asks: the library's own, which also serve threads, take three
    times as long.
    """

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, int], int] = {}
        # (route, method) -> answers by the first of SECONDS that is long enough, none of them last.
        self._by_length: dict[tuple[str, str], list[int]] = {}
        self._seconds: dict[tuple[str, str], float] = {}

    def add(self, route: str, method: str, code: int, seconds: float) -> None:
        counts, what = self._counts, (route, method)
        counts[route, method, code] = counts.get((route, method, code), 0) + 1
        by_length = self._by_length.get(what)
        if by_length is None:
            by_length = self._by_length[what] = [0] * (len(SECONDS) + 1)
            self._seconds[what] = 0.0
        by_length[bisect_left(SECONDS, seconds)] += 1
        self._seconds[what] += seconds

    def collect(self) -> Iterator[Metric]:
        requests, durations = self.describe()
        for (route, method, code), count in self._counts.items():
            requests.add_metric([route, method, str(code)], count)
        limits = [*map(floatToGoString, SECONDS), "+Inf"]
        for what, by_length in self._by_length.items():
            up_to = list(zip(limits, accumulate(by_length), strict=True))
            durations.add_metric(what, up_to, self._seconds[what])
        yield requests
        yield durations

    def describe(self) -> tuple[CounterMetricFamily, HistogramMetricFamily]:
        return (
            CounterMetricFamily(
                "drydock_http_requests", "Requests answered.", labels=["route", "method", "code"]
            ),
            HistogramMetricFamily(
                "drydock_http_request_duration_seconds",
                "Time from the request's headers to the end of its answer.",
                labels=["route", "method"],
            ),
        )


class _Asked:
    """A metric whose numbers live elsewhere."""

    def __init__(
        self,
        family: type[GaugeMetricFamily | CounterMetricFamily],
        name: str,
        text: str,
        read: Callable[[], Numbers],
        labels: tuple[str, ...],
    ) -> None:
        self._family = family
        self._name = name
        self._text = text
        self._read = read
        self._labels = labels

    def collect(self) -> Iterator[Metric]:
        numbers = list(self._read())
        labels = self._labels if any(values for values, _ in numbers) else ()
        metric = self._family(self._name, self._text, labels=labels)
        for values, number in numbers:
            given = (values,) if isinstance(values, str) else values
            metric.add_metric(given if labels else (), number)
        yield metric

    def describe(self) -> Iterator[Metric]:
        yield self._family(self._name, self._text)
