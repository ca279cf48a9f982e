"""What was measured of every photo in every row of a table, and the sums of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from colorize.evaluation.features import FeatureExtractor
from colorize.evaluation.frechet import across_halves, extrapolated_floor, frechet_interval
from colorize.evaluation.measures import PhotoMeasures, draw_weights, join, measure_photos, summarize
from colorize.evaluation.stains import measure_stains

GRAY, TRUTH = "gray", "truth"  # rows that are always there
RESAMPLES = 1000

Measures = dict[str, dict[str, float]]  # by name: value, and low and high end of its 95 % interval


class Scores:
    """Takes photo after photo; `summary` and `frechet` are over all of them."""

    def __init__(self, extractor: FeatureExtractor | None = None) -> None:
        self.sources: list[str] = []
        self._extractor = extractor
        self._measured: defaultdict[str, list[PhotoMeasures]] = defaultdict(list)
        self._features: defaultdict[str, list[Tensor]] = defaultdict(list)
        self._further: defaultdict[str, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))

    def __len__(self) -> int:
        return len(self.sources)

    @torch.no_grad()
    def add(self, source: str, rows: Mapping[str, Tensor]) -> dict[str, float]:
        """Measure a photo in every row.

        Args:
            source: of the photo.
            rows: RGB (1, 3, H, W) in [0, 1] by the row's name; GRAY and TRUTH must be among them.

        Returns:
            Each row's PSNR, in dB.
        """
        self.sources.append(source)
        rgb = torch.cat(list(rows.values()))  # (R, 3, H, W)
        measured = measure_photos(rgb, rows[TRUTH].expand_as(rgb))
        psnr = dict(zip(rows, measured.psnr.tolist(), strict=True))
        stains = measure_stains(rgb, rows[TRUTH]).tolist()
        for i, name in enumerate(rows):
            self._measured[name].append(measured[i : i + 1])
            self.note(name, {"psnr_gain": psnr[name] - psnr[GRAY], "stains": stains[i]})
        if self._extractor:
            for name, each in rows.items():  # one by one: together they take gigabytes
                self._features[name].append(self._extractor.pooled(each))
        return psnr

    def note(self, row: str, values: Mapping[str, float]) -> None:
        """Keep further measures of the photo added last, of which there is to be the mean.

        Args:
            row: its name.
            values: by the measure's name. A measure is noted for every photo or for none.
        """
        for name, value in values.items():
            self._further[row][name].append(value)

    def summary(self, source: str | None = None) -> dict[str, Measures]:
        """Of each row, over all photos or those of one source."""
        chosen = torch.tensor([source in (None, each) for each in self.sources])
        weights = draw_weights(int(chosen.sum()), RESAMPLES)
        truth = join(self._measured[TRUTH])[chosen]
        result = {}
        for name, parts in self._measured.items():
            further = {key: torch.tensor(values)[chosen] for key, values in self._further[name].items()}
            result[name] = summarize(join(parts)[chosen], truth, weights, further)
        result[TRUTH] = {name: result[TRUTH][name] for name in ("cf", "stains")}  # the rest is perfect
        return result

    def frechet(self) -> tuple[dict[str, Measures], dict[str, Any]]:
        """Each row's distances, and how far true photos are apart: the floor. There must be an extractor."""
        assert self._extractor
        features = {name: torch.cat(each) for name, each in self._features.items()}  # (N, F)
        truth = features.pop(TRUTH)
        measures = {
            name: {
                "frechet": frechet_interval(each, truth)._asdict(),
                "frechet_across_halves": across_halves(each, truth)._asdict(),
            }
            for name, each in features.items()
        }
        measures[TRUTH] = {"frechet_across_halves": across_halves(truth, truth)._asdict()}
        return measures, {
            "network": self._extractor.network,
            "photos": len(truth),
            "features": truth.shape[1],
            "extrapolated_floor": extrapolated_floor(truth),
        }
