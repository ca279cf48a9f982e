"""Metrics of the server, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

__all__ = ["CONTENT_TYPE_LATEST", "Metrics"]

_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900)


class Metrics:
    """The metrics of one server. Each server has its own registry, so two in one process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "colorize_requests", "Jobs, by kind and how they ended.", ["kind", "outcome"], registry=self.registry
        )
        self.seconds = Histogram(
            "colorize_seconds", "Seconds a job ran, by kind.", ["kind"], buckets=_SECONDS, registry=self.registry
        )
        self.photos = Counter("colorize_photos", "Photos, by how they ended.", ["outcome"], registry=self.registry)
        self.refused = Counter(
            "colorize_refused", "Requests that were refused, by HTTP status.", ["status"], registry=self.registry
        )
        self._queue = Gauge("colorize_queue_length", "Jobs that wait.", registry=self.registry)
        self._running = Gauge("colorize_running", "Jobs that run.", registry=self.registry)
        for outcome in ("done", "failed"):  # shown as 0 before the first
            self.photos.labels(outcome)
            for kind in ("photo", "batch", "others", "film"):
                self.requests.labels(kind, outcome)

    def watch(self, waiting: Callable[[], int], running: Callable[[], int]) -> None:
        """Set the functions that give the numbers of waiting and running jobs.

        Args:
            waiting: gives the number of jobs that wait; called whenever the metrics are read.
            running: likewise, of jobs that run.
        """
        self._queue.set_function(waiting)
        self._running.set_function(running)

    def text(self) -> bytes:
        return generate_latest(self.registry)
