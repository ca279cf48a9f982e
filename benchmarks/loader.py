"""How many photos per second the loader brings to a GPU: `python benchmarks/loader.py SHARD… [--workers 0 1 2 4]`

A step is faked: it sleeps, as a process does whose GPU is at work, so that the workers have all cores. Prints, by
the number of workers, photos per second for a step that takes no time, and which share of the time a GPU would be at
work whose step takes `--step` milliseconds; then the CPU time of a photo, which tells how many cores a GPU wants, also
where other work slows this machine down. Augmentation and Lab are not in it: they run on the GPU.
"""

from __future__ import annotations

import argparse
import statistics
import time

from colorize.training.config import TrainConfig
from colorize.training.data import PhotoBatches, Sources, find_sources

_PREPARED = 4 + 1  # batches of each worker that lie ready or nearly so: they tell nothing of its pace


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="+", help="folders, tar shards or their URLs, as for train.py")
    parser.add_argument("--workers", nargs="+", type=int, default=[0, 1, 2, 4])
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--size", type=int, default=128, help="px, of the crops")
    parser.add_argument("--step", type=float, default=100.0, help="ms that a step on a batch takes")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="turns of all; their medians are printed")
    options = parser.parse_args()

    sources = find_sources(options.photos)
    paces: dict[int, list[float]] = {workers: [] for workers in options.workers}
    shares: dict[int, list[float]] = {workers: [] for workers in options.workers}
    for _ in range(options.rounds):  # turn by turn, so that a slow moment of the machine hits all alike
        for workers in options.workers:
            config = TrainConfig(batch_size=options.batch_size, size=options.size, workers=workers, shuffle_buffer=300)
            paces[workers].append(photos_per_second(sources, config, options.seconds))
            shares[workers].append(share_at_work(sources, config, options.step / 1000, options.seconds))
    print(f"| workers | photos/s | at work, with steps of {options.step:.0f} ms |\n|---|---|---|")
    for workers in options.workers:
        print(f"| {workers} | {statistics.median(paces[workers]):.0f} | {statistics.median(shares[workers]):.0%} |")
    cost = cpu_seconds_per_photo(sources, TrainConfig(batch_size=options.batch_size, size=options.size, workers=0))
    print(f"{1000 * cost:.1f} ms of CPU time per photo: {1 / cost:.0f} photos/s per core")


def cpu_seconds_per_photo(sources: Sources, config: TrainConfig, batches: int = 30) -> float:
    """What one process spends, beside reading ahead."""
    stream = started(sources, config)
    start = time.process_time()
    count = sum(len(next(stream)) for _ in range(batches))
    return (time.process_time() - start) / count


def photos_per_second(sources: Sources, config: TrainConfig, seconds: float) -> float:
    """The pace of the loader alone."""
    batches = started(sources, config)
    start, count = time.perf_counter(), 0
    while (passed := time.perf_counter() - start) < seconds:
        count += len(next(batches))
    batches.close()
    return count / passed


def share_at_work(sources: Sources, config: TrainConfig, step: float, seconds: float) -> float:
    """Of the time, what steps of `step` seconds take."""
    batches = started(sources, config)
    start, steps = time.perf_counter(), 0
    while (passed := time.perf_counter() - start) < seconds:
        next(batches)
        time.sleep(step)
        steps += 1
    batches.close()
    return steps * step / passed


def started(sources: Sources, config: TrainConfig) -> PhotoBatches:
    """A loader whose workers are up, with what they prepared beforehand used up."""
    batches = PhotoBatches(sources, config, hold_out=False)
    for _ in range(_PREPARED * max(config.workers, 1)):
        next(batches)
    return batches


if __name__ == "__main__":
    main()
