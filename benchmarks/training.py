"""What the training loop costs on top of the networks: `python benchmarks/training.py PHOTOS…`

In one run, turn by turn, so that a slow moment of the machine hits both alike:
  bare   forward and backward passes on tensors that lie ready; no worker is running
  loop   the same steps through the real loop: photos read and decoded by workers, augmented, Lab, optimizers, moving
         average, checks, log. Measured once the batches that workers have prepared beforehand are used up, without
         what comes every few hundred steps only: measurements and checkpoints, whose seconds are printed beside
Prints photos per second of both and the loop's overhead. It also shows what the allocator setting is worth: with
`--default-malloc` it is left as it is.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from colorize.training.config import TrainConfig
from colorize.training.data import find_sources


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="+", help="folders or tar shards, as for train.py")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3, help="turns of each")
    parser.add_argument("--steps", type=int, default=30, help="steps per turn")
    parser.add_argument("--phase", choices=("generator", "adversarial"), default="generator")
    parser.add_argument("--default-malloc", action="store_true", help="leave the C library's allocator as it is")
    options = parser.parse_args()

    import torch
    from torch import nn

    from colorize.system.memory import keep_freed_memory
    from colorize.training import loop, runlog
    from colorize.training.data import PhotoBatches

    class NoUpdate(torch.optim.Optimizer):
        """Takes the gradients away and leaves the weights."""

        def __init__(self, network: nn.Module) -> None:
            super().__init__(network.parameters(), {})

        def step(self, closure: Any = None) -> Any:
            pass

    if not options.default_malloc:
        keep_freed_memory()
    sources = find_sources(options.photos)
    never = 10**9
    config = TrainConfig(
        batch_size=options.batch_size,
        size=options.size,
        validation_photos=1,
        validate_interval=never,
        checkpoint_interval=never,
    )
    prepared = 2 * 4 * max(config.workers, 1)  # the queues of the workers, twice over
    with tempfile.TemporaryDirectory() as folder, ExitStack() as held:
        trainer = loop._Trainer(config, sources, sources, Path(folder) / "run", held, resume=False)
        g_none, d_none = NoUpdate(trainer.generator), NoUpdate(trainer.discriminator)
        batches = trainer._next_batches()
        (phase,) = [each for each in trainer.phases if each.name == options.phase]

        def bare(steps: int) -> None:
            phase.set_modes(trainer.generator, trainer.discriminator)
            for _ in range(steps):
                if options.phase == "generator":
                    trainer.step.generator_step(batches, g_none)
                else:
                    trainer.step.adversarial_step(batches, g_none, d_none)

        def whole(steps: int) -> None:
            phase.config = dataclasses.replace(config, generator_steps=steps, adversarial_steps=steps)
            trainer._run_phase(phase, trainer.steps_done, lambda: False)

        seconds: dict[str, list[float]] = {"bare": [], "loop": []}
        with runlog.reporter(never, 0, config.log_interval, quiet=True) as trainer.report:
            trainer._validate(phase)  # the first time, TensorBoard is imported and the allocator warms up
            rare = [timed(lambda _: trainer._validate(phase), 1), timed(lambda _: trainer._checkpoint(), 1)]
            for method in ("_validate", "_checkpoint"):  # which also end every stretch of the loop
                setattr(trainer, method, lambda *_: None)
            for _ in range(options.rounds):
                del trainer.batches  # stops the workers
                bare(3)
                seconds["bare"].append(timed(bare, options.steps))
                trainer.batches = PhotoBatches(sources, config, hold_out=False)
                whole(prepared)
                seconds["loop"].append(timed(whole, options.steps))
        trainer.close()
    photos = options.steps * options.batch_size
    for name, times in seconds.items():
        print(f"{name}: {photos / statistics.median(times):.1f} photos/s")
    print(f"a measurement on one photo {rare[0]:.2f} s, a checkpoint {rare[1]:.2f} s")
    ratios = [whole / bare for bare, whole in zip(seconds["bare"], seconds["loop"], strict=True)]
    print(f"loop / bare: {statistics.median(ratios):.3f} (median of {options.rounds} turns; goal at most 1.15)")


def timed(run: Callable[[int], None], steps: int) -> float:
    """Seconds that `run(steps)` takes."""
    import torch

    start = time.perf_counter()
    run(steps)
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
