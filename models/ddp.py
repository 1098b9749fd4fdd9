"""Lightning's side of training in several processes."""

from __future__ import annotations

from typing import Any

import torch
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.pytorch.plugins.layer_sync import LayerSync, TorchSyncBatchNorm
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm

from lossc.models.distributed import World, on_first
from lossc.runtime.gathering import world_size


def trainer_options(world: World, loss: nn.Module, gpu: bool) -> dict[str, Any]:
    """What Lightning's ``Trainer`` is given for several processes, which exist already.

    Args:
        world: The processes.
        loss: Its weights are trained with the network's, and may go unused, as in a warm-up.
        gpu: Each process has one.
    """
    strategy = _Strategy(
        cluster_environment=TorchElasticEnvironment(),
        # they are the same everywhere: see below for those of BatchNorm
        broadcast_buffers=False,
        find_unused_parameters=any(weight.requires_grad for weight in loss.parameters()),
    )
    return {
        "strategy": strategy,
        "devices": world.local_size,
        "num_nodes": world.size // world.local_size,
        "plugins": [TorchSyncBatchNorm() if gpu else _BatchNormsOfAll()],
    }


class _Strategy(DDPStrategy):
    """DDP in which a checkpoint that cannot be written is an error of all processes."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], filepath: Any, storage_options: Any = None
    ) -> None:
        on_first(lambda: self.checkpoint_io.save_checkpoint(checkpoint, filepath, storage_options))


class _BatchNormsOfAll(LayerSync):
    """BatchNorm over the whole batch where torch has none: its SyncBatchNorm asks for a GPU."""

    def apply(self, model: nn.Module) -> nn.Module:
        for name, child in model.named_children():
            if isinstance(child, _BatchNorm):
                setattr(model, name, BatchNormOfAll.of(child))
            else:
                self.apply(child)
        return model

    def revert(self, model: nn.Module) -> nn.Module:
        """Nothing to do: in evaluation mode they are what they were."""
        return model


class BatchNormOfAll(_BatchNorm):
    """BatchNorm with the statistics of all processes' rows, by torch's own definition.

    Processes may have different numbers of rows, or none. Mean and variance are each one sum over
    all processes, forward, and one of their gradients, backward.
    """

    @classmethod
    def of(cls, norm: _BatchNorm) -> BatchNormOfAll:
        """One with the same weights and running statistics, which they share."""
        made = cls(
            norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats
        )
        made._parameters, made._buffers = norm._parameters, norm._buffers
        return made.train(norm.training)

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f"expected at least 2 dims, got {input.dim()}")

    def forward(self, input: Tensor) -> Tensor:
        """``[n, c, ...]``, normalised over all dims but the second, and over processes.

        Raises:
            ValueError: All processes together have one number a channel.
        """
        if not self.training or world_size() == 1:
            return super().forward(input)
        dims = [dim for dim in range(input.dim()) if dim != 1]
        shape = [-1 if dim == 1 else 1 for dim in range(input.dim())]
        own = input.new_tensor([input.numel() // input.shape[1]])
        first: Tensor = _SumOverProcesses.apply(torch.cat([input.sum(dims), own]))  # type: ignore[no-untyped-call]
        count = int(first[-1])
        if count <= 1:
            raise ValueError(f"BatchNorm in training needs more than {count} number a channel")
        mean = first[:-1] / count
        centred = input - mean.view(shape)
        squares: Tensor = _SumOverProcesses.apply(centred.square().sum(dims))  # type: ignore[no-untyped-call]
        variance = squares / count
        self._remember(mean.detach(), squares.detach() / (count - 1))
        normal = centred * (variance + self.eps).rsqrt().view(shape)
        if not self.affine:
            return normal
        return normal * self.weight.view(shape) + self.bias.view(shape)

    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        if not self.track_running_stats:
            return
        assert self.num_batches_tracked is not None
        assert self.running_mean is not None and self.running_var is not None
        self.num_batches_tracked.add_(1)
        share = 1 / int(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance, share)


class _SumOverProcesses(torch.autograd.Function):
    """A tensor summed over processes, and so is its gradient."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        return _summed(tensor)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return _summed(grad)


def _summed(tensor: Tensor) -> Tensor:
    total = tensor.clone(memory_format=torch.contiguous_format)
    distributed.all_reduce(total)
    return total
