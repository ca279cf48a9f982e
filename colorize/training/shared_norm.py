"""BatchNorm with the statistics of a whole batch, of which each process has a share.

Without it, the photos of a share would be normalized among themselves: another training with each number of processes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class SyncBatchNorm2d(nn.SyncBatchNorm, nn.BatchNorm2d):
    """torch's own, which works on GPUs alone; found by whoever looks for `nn.BatchNorm2d`."""


class SharedBatchNorm(nn.BatchNorm2d):
    """The same on CPUs. In training mode, every process of the run has to call it."""

    def forward(self, x: Tensor) -> Tensor:
        """As of `nn.BatchNorm2d`."""
        if self.training:
            return self._normalize(x)
        normalized: Tensor = super().forward(x)
        return normalized

    def _normalize(self, x: Tensor) -> Tensor:
        wide = x.float()  # (B, C, H, W)
        count = wide.new_tensor([x.numel() / self.num_features])
        sums: Tensor = _SumOverProcesses.apply(torch.cat([wide.sum(dim=(0, 2, 3)), count]))  # (C + 1,)
        mean, total = sums[:-1] / sums[-1], sums[-1]  # (C,), ()
        centered = wide - mean.view(1, -1, 1, 1)
        squares: Tensor = _SumOverProcesses.apply(centered.square().sum(dim=(0, 2, 3)))  # (C,)
        variance = squares / total
        self._follow(mean.detach(), variance.detach() * total / (total - 1))
        scale = self.weight * (variance + self.eps).rsqrt()
        return (centered * scale.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)).to(x.dtype)

    @torch.no_grad()
    def _follow(self, mean: Tensor, unbiased: Tensor) -> None:
        """Move the running statistics."""
        assert self.momentum is not None and self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(unbiased, self.momentum)


class _SumOverProcesses(torch.autograd.Function):
    """What each process has, added up; so are its gradients, as the sum went into every process's loss."""

    @staticmethod
    def forward(_: Any, values: Tensor) -> Tensor:
        total = values.clone()
        torch.distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        total = gradient.contiguous().clone()
        torch.distributed.all_reduce(total)
        return total


def share_norms(network: nn.Module) -> None:
    """Let each BatchNorm layer see the whole batch.

    Args:
        network: of a run of several processes, where it is trained; changed in place, with the same names, parameters
            and statistics.
    """
    for name, child in network.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(network, name, _shared(child))
        else:
            share_norms(child)


def _shared(norm: nn.BatchNorm2d) -> nn.Module:
    kind = SyncBatchNorm2d if norm.weight.is_cuda else SharedBatchNorm
    shared = kind(norm.num_features, norm.eps, norm.momentum)
    shared.weight, shared.bias = norm.weight, norm.bias
    shared.running_mean, shared.running_var = norm.running_mean, norm.running_var
    shared.num_batches_tracked = norm.num_batches_tracked
    return shared.train(norm.training)
