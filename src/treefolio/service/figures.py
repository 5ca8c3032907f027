"""Figures for Prometheus: of requests, which are counted here, and of jobs, which the ledger knows."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from treefolio.errors import DatabaseError
from treefolio.jobs.ledger.store import Store

_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
"""All others are one: anybody may send a new word with each request."""
_BUCKETS = (0.005, 0.02, 0.05, 0.1, 0.3, 1.0, 3.0, 10.0)


class Figures:
    """The figures of one process. `seen` is told of each request."""

    media_type = CONTENT_TYPE_LATEST

    def __init__(self, store: Store) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "treefolio_requests", "Requests.", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "treefolio_request_seconds",
            "Time of requests.",
            ["route"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.registry.register(_Ledger(store))

    def seen(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts a request."""
        self.requests.labels(method if method in _METHODS else "other", route, str(status)).inc()
        self.seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """All figures."""
        return generate_latest(self.registry)


class _Ledger(Collector):
    """What the ledger says when it is asked; nothing but ``up 0`` while it does not answer."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def describe(self) -> list[Metric]:
        """Nothing is known before it is asked: the ledger may not answer yet."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The figures now."""
        try:
            jobs = self.store.states()
            workers = self.store.workers()
            depth = self.store.depth()
        except DatabaseError:
            yield GaugeMetricFamily("treefolio_database_up", "The database answers.", value=0)
            return
        yield GaugeMetricFamily("treefolio_database_up", "The database answers.", value=1)
        family = GaugeMetricFamily("treefolio_jobs", "Jobs in each state.", labels=["state"])
        for state, count in jobs.items():
            family.add_metric([state.value], count)
        yield family
        alive = [worker for worker in workers if worker.alive]
        yield GaugeMetricFamily("treefolio_workers", "Workers that give signs of life.", value=len(alive))
        busy = sum(worker.chunk is not None for worker in alive)
        yield GaugeMetricFamily("treefolio_workers_busy", "Workers that have a chunk.", value=busy)
        yield GaugeMetricFamily("treefolio_chunks_waiting", "Chunks that wait for a worker.", value=depth)
