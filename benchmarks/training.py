"""What the training loop costs on top of the networks: `python benchmarks/training.py PHOTOS…`

In one run, turn by turn, so that a slow moment of the machine hits both alike:
  bare   forward, backward and optimizer on tensors that lie ready
  loop   the same through the real loop: photos read and decoded by workers, augmented, Lab, moving average, checks
Prints photos per second of both and the loop's overhead. It also shows what the allocator setting is worth: with
`--default-malloc` it is left as it is.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from colorize.training.config import TrainConfig
from colorize.training.data import find_sources


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="+", help="folders or tar shards, as for train.py")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=8, help="turns of each")
    parser.add_argument("--steps", type=int, default=5, help="steps per turn")
    parser.add_argument("--phase", choices=("generator", "adversarial"), default="generator")
    parser.add_argument("--default-malloc", action="store_true", help="leave the C library's allocator as it is")
    options = parser.parse_args()

    import torch

    from colorize.memory import keep_freed_memory
    from colorize.training import loop
    from colorize.training.step import Batch

    if not options.default_malloc:
        keep_freed_memory()
    sources = find_sources(options.photos)
    config = TrainConfig(batch_size=options.batch_size, size=options.size, validation_photos=1)
    with tempfile.TemporaryDirectory() as folder:
        trainer = loop._Trainer(config, sources, sources, Path(folder) / "run", resume=False)
        trainer._begin_phase(options.phase)
        ready = trainer._next_batches()
        batches = [Batch(each.l.clone(), each.ab.clone()) for each in ready]

        def bare() -> None:
            if options.phase == "generator":
                trainer.step.generator_step(batches, trainer.g_optimizer)
            else:
                trainer.step.adversarial_step(batches, trainer.g_optimizer, trainer.d_optimizer)

        def whole() -> None:
            trainer._set_learning_rates(options.phase, 0, 1000)
            losses = trainer._update(options.phase)
            trainer._check_finite(options.phase, losses)
            trainer.ema.update_parameters(trainer.generator)

        seconds: dict[str, list[float]] = {"bare": [], "loop": []}
        for turn in range(options.rounds + 1):
            for name, run in (("bare", bare), ("loop", whole)):
                start = time.perf_counter()
                for _ in range(options.steps):
                    run()
                if trainer.device.type == "cuda":
                    torch.cuda.synchronize()
                if turn:  # the first turn warms up
                    seconds[name].append(time.perf_counter() - start)
        trainer.close()
    photos = options.steps * options.batch_size
    for name, times in seconds.items():
        print(f"{name}: {photos / statistics.median(times):.1f} photos/s")
    ratios = [whole / bare for bare, whole in zip(seconds["bare"], seconds["loop"], strict=True)]
    print(f"loop / bare: {statistics.median(ratios):.3f} (median of {options.rounds} turns; goal at most 1.15)")


if __name__ == "__main__":
    main()
