"""λ, the weight of L1 beside the adversarial loss, chosen by a rule that was written down before the arms are trained.

What λ is best at the end of the study would be chosen on what the study is measured on. So it is chosen on photos that
are measured on nowhere else: one in 50 of those to train on, kept out of the trainings that λ is chosen by. Their seed
is none of an arm's.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from colorize.errors import ConfigError
from colorize.study.arms import MODEL, UNCHANGED, Run, Study, check_settings, train_model
from colorize.system import files

WEIGHTS = (2.0, 5.0, 10.0, 20.0, 50.0)
SEED = 100
_SHARE_OF_STEPS = 3  # a third
_MOST_LOST = 1.0  # dB
RULE = (
    "L1 + GAN is trained once with each λ, with a seed that no arm has, for a third of the arms' steps, on all "
    "training photos but one in 50. On the ones left out the λ is chosen whose KL(truth ‖ result) of a* and b* "
    "together is the lowest, of those whose PSNR is at most 1 dB below gray's; if there is none, the largest"
)
RESULT = "lambda.json"


def choose_lambda(study: Study, weights: Sequence[float] = WEIGHTS) -> dict[str, Any]:
    """Train with each λ what is not trained yet, measure, choose.

    Args:
        study: whose arms λ is for; `study.out` gets the trainings and what they showed.
        weights: the λ that are tried.

    Returns:
        What study.json says of it. What an earlier call has chosen is chosen.

    Raises:
        ConfigError: a training was begun with other settings, or λ chosen with another number of steps, or another
            process is at work.
        DataError: too few photos are kept out.
        Interrupted: a signal came; all is saved.
    """
    from colorize.study.measurement import measure_kept_out  # torch

    result = study.out / RESULT
    steps = max(1, study.common["adversarial_steps"] // _SHARE_OF_STEPS)
    if result.is_file():
        kept: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
        if kept["steps"] != steps:
            raise ConfigError(f"{result}: was chosen with {kept['steps']} steps, not {steps}; choose another --out")
        return kept
    config = dataclasses.replace(study.config(Run(UNCHANGED, SEED)), adversarial_steps=steps)
    models = {}
    for weight in weights:
        folder = study.out / "lambda" / f"λ-{weight:g}"
        of_weight = dataclasses.replace(config, reconstruction_weight=weight)
        check_settings(folder, of_weight)
        if not (folder / MODEL).is_file():
            print(f"study: λ = {weight:g}", file=sys.stderr, flush=True)
            train_model(of_weight, study.data, None, folder)
        models[weight] = folder / MODEL
    photos, gray_psnr, measured = measure_kept_out(study, config, list(models.values()))
    tried = [{"weight": weight, **measures} for weight, measures in zip(models, measured, strict=True)]
    chosen = best_lambda(tried, gray_psnr)
    answer = {
        "rule": RULE,
        "seed": SEED,
        "steps": steps,
        "photos": photos,
        "gray_psnr": gray_psnr,
        "tried": tried,
        "chosen": chosen,
    }
    with files.atomic(result) as file:
        file.write((json.dumps(answer, indent=1, ensure_ascii=False) + "\n").encode())
    print(f"study: λ = {chosen:g} is chosen", file=sys.stderr, flush=True)
    return answer


def best_lambda(tried: Sequence[Mapping[str, float]], gray_psnr: float) -> float:
    """The λ that `RULE` chooses.

    Args:
        tried: of each λ its `weight`, and its `kl_a`, `kl_b` and `psnr`.
        gray_psnr: dB, of the same photos without color.

    Returns:
        The weight.
    """
    near = [each for each in tried if each["psnr"] >= gray_psnr - _MOST_LOST]
    if not near:
        return max(each["weight"] for each in tried)
    return min(near, key=lambda each: each["kl_a"] + each["kl_b"])["weight"]
