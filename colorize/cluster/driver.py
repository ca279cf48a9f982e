"""The machine that hands out the work: a Ray Data pipeline from the plan through the workers to what they tell."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody is told of what is done here
os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # what happens to workers is told here, in one line
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # Ray's future default, about which it warns otherwise

import ray
import ray.data
from ray.data.block import BlockMetadata
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from colorize.cluster.inventory import portions_of
from colorize.cluster.storage import Storage
from colorize.cluster.worker import Delivery, Ledger, Recipe, Worker
from colorize.errors import ClusterError, ColorizeError, ConfigError
from colorize.options import is_finite
from colorize.system.remote import one_line

_MOST_CORES = 4  # of a worker; more would make it faster by little
_SHARE_TAKEN = 0.9  # of each core: what is left runs the task that reads the plan, which would wait for ever otherwise
_CPUS_OF_READER = 0.05


@dataclass(frozen=True)
class Pool:
    """What the work is done by."""

    address: str | None = None  # of a running cluster; None for this machine alone
    actors: int | None = None  # workers; None for one per CPU, or as many as the GPUs hold
    gpus_per_actor: float = 0.0

    def __post_init__(self) -> None:
        if self.actors is not None and self.actors < 1:
            raise ConfigError(f"--actors: expected 1 or more, got {self.actors}")
        if not is_finite(self.gpus_per_actor) or self.gpus_per_actor < 0:
            raise ConfigError(f"--gpus-per-actor: expected 0 or more, got {self.gpus_per_actor:g}")


@contextmanager
def connected(pool: Pool) -> Iterator[None]:
    """Within, Ray runs: the cluster that was named, or one of this machine alone, which ends with the block.

    Raises `ClusterError` if there is no such cluster.
    """
    if ray.is_initialized():  # by the caller, whose it stays
        yield
        return
    own: dict[str, Any] = {"address": pool.address} if pool.address else {"include_dashboard": False}
    try:
        with _unheard():
            ray.init(log_to_driver=False, logging_level=logging.ERROR, **own)
    except Exception as error:  # Ray raises nearly anything here
        what = f"--address {pool.address}: no Ray cluster there" if pool.address else "Ray could not be started here"
        raise ClusterError(f"{what} ({one_line(error)})") from error
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def _unheard() -> Iterator[None]:
    """Within, what is written to stderr is lost: Ray says there how much it will say, past Python."""
    sys.stderr.flush()
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


def most_workers(pool: Pool) -> int:
    """How many workers there may be. Raises `ConfigError` if the cluster has no GPUs and they were asked for."""
    resources = ray.cluster_resources()
    if pool.gpus_per_actor and not resources.get("GPU"):
        raise ConfigError(f"--gpus-per-actor {pool.gpus_per_actor:g}: the cluster has no GPU")
    if pool.actors:
        return pool.actors
    if pool.gpus_per_actor:
        return max(1, int(resources["GPU"] / pool.gpus_per_actor))
    return max(1, int(resources.get("CPU", 1)))


class _Portions(ray.data.Datasource):
    """What is to be done, portion by portion.

    Ray's own reader of Parquet begins with a task that takes a whole CPU, which the workers leave to nobody.
    """

    def __init__(self, store: Storage, place: str) -> None:
        super().__init__()
        self._store = store
        self._place = place

    def estimate_inmemory_data_size(self) -> None:
        """Nobody needs to know."""

    def get_read_tasks(self, *_parallelism: object, **_others: object) -> list[ray.data.ReadTask]:
        """One task, which goes on reading as the portions are taken."""
        unknown = BlockMetadata(num_rows=None, size_bytes=None, exec_stats=None, input_files=None)
        return [ray.data.ReadTask(partial(portions_of, self._store, self._place), unknown)]


def run(recipe: Recipe, plan: str, workers: int, pool: Pool, stop: threading.Event) -> Iterator[Delivery]:
    """Have photos done.

    Args:
        recipe: how and where.
        plan: place of what is to be done, below the target's root.
        workers: how many; no more than there are portions.
        pool: what they are given; Ray runs already.
        stop: when it is set, no further results are waited for.

    Returns:
        What each worker tells, as it comes.

    Raises:
        ClusterError: the cluster is lost, or a store is.
        ColorizeError: what a worker raises when it loads the model.
    """
    _keep_quiet()
    cores = max(1, min(_MOST_CORES, int(ray.cluster_resources().get("CPU", 1)) // workers))
    affinity = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    counting = ray.remote(Ledger).options(
        num_cpus=0, max_restarts=-1, max_task_retries=-1, scheduling_strategy=affinity
    )
    ledger = counting.remote()
    try:
        portions = ray.data.read_datasource(
            _Portions(recipe.target, plan), num_cpus=_CPUS_OF_READER, override_num_blocks=1
        )
        deliveries = portions.map_batches(
            Worker,
            fn_constructor_args=[recipe, ledger, cores],
            batch_size=None,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=2),
            num_cpus=_SHARE_TAKEN * cores,
            num_gpus=pool.gpus_per_actor or None,
        ).iter_batches(batch_size=None, batch_format="pyarrow")
        for table in deliveries:
            for delivery in Delivery.of(table):
                yield delivery
                if delivery.trouble:
                    raise ClusterError(delivery.trouble)
            if stop.is_set():
                return
    except (ray.exceptions.RayError, ConnectionError) as error:
        raise _ours(error) from error
    finally:
        with suppress(Exception):  # it ends with the cluster anyway
            ray.kill(ledger)


def _ours(error: BaseException) -> ColorizeError:
    """What a worker raised itself, or else that the cluster is lost."""
    cause: BaseException | None = error
    while cause is not None:
        inner = getattr(cause, "cause", None)
        cause = inner if isinstance(inner, BaseException) else cause.__cause__
        if isinstance(cause, ColorizeError):
            return type(cause)(str(cause).splitlines()[0])
    return ClusterError(f"the cluster was lost ({one_line(error)[:300]})")


def _keep_quiet() -> None:
    """Ray Data says nothing by itself, and hands out the plan's rows one by one."""
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.target_max_block_size = 1  # bytes: each portion is a task of its own
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    # What Ray prints of killed workers would stand among the results; no option turns it off. The ledger tells of them.
    ray._private.worker._worker_logs_enabled = False
