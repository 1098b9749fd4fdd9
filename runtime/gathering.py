r"""The batch of all processes, for losses of sets: average precision is no mean over processes.

How the gradient flows back. ``gather_batch`` gives each of W processes the global batch x, whose
slice x_r is its own. The gather's transpose sums the gradients that the processes send to x and
hands each process its slice:

.. math:: g_r = \sum_s dL_s / dx_r

L_s is the loss of process s; all are the same L in an ordinary step, so that g_r = W dL/dx_r.
DistributedDataParallel then averages: (1/W) sum_r g_r dx_r/dw, which is dL/dw of one process with
the whole batch. A parameter of the loss itself needs no gather: each process has the whole dL/dw,
and the average of W equal numbers is that number.

Why a sum, and no plain multiplication by W, which needs no communication in ``backward``:

- The sum is right for any L_s: what is averaged is the gradient of the mean of the processes'
  losses, also where they weight the loss by their share of the rows, draw anchors from seeds of
  their own, or compare the global batch with something local. A factor W is right for equal
  losses only, and wrong without a word for others.
- It asks little. All processes must call ``backward``, with graphs that are alike, but
  DistributedDataParallel asks for that anyway, and since all see the same batch, all take the
  same decision about a loss that is to be skipped. Only inside ``no_sync`` could a factor W go on
  where the sum waits: there, too, call ``backward`` on all processes or on none.
- A process whose own slice needs no gradient joins the sum, since the flags of all processes are
  exchanged along with the sizes.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor


def world_size() -> int:
    """How many processes train together: 1 unless ``torch.distributed`` is initialised."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_world_size()
    return 1


def gather_batch(
    tensors: tuple[Tensor, ...], dims: tuple[int | None, ...], names: tuple[str, ...] = ()
) -> tuple[Tensor, ...]:
    """Tensors whose batch is that of all processes, in the order of their ranks.

    Processes may have different numbers of rows, or none. All processes of the default group must
    call this, and then ``backward``, in the same order. Tensors lie on a device that the group's
    backend serves. With a single process the tensors come back as they are.

    The gradients that all processes send to the global batch are summed, and each takes its own
    rows. DistributedDataParallel averages over processes, so the parameters get the gradient of
    the mean of the processes' losses: of the loss itself, since all compute the same one. The sum
    stays right where processes weight the loss differently, which multiplying by their number
    would not. Whole numbers and bools have no gradient.

    Args:
        tensors: Of any floating dtype, of whole numbers or bool.
        dims: The batch dim of each tensor, from 0; ``None``: it has none, is expected to be the
            same everywhere, and is left alone.
        names: What messages call the tensors.

    Returns:
        As many tensors, with the dtypes that they had.

    Raises:
        ValueError: Processes disagree on how many tensors there are, on a dtype, or on a size
            other than the batch's; or the tensors of a process differ in their rows; or only
            some have gradients enabled. All processes raise it, and none waits.
    """
    if world_size() == 1:
        return tensors
    names = names or tuple(f"tensor {place}" for place in range(len(tensors)))
    stated = exchange_parts(tensors, dims)
    check_parts(stated, names)
    gathered = []
    for place, (tensor, dim) in enumerate(zip(tensors, dims, strict=True)):
        if dim is None:
            gathered.append(tensor)
            continue
        sizes = [parts[place].shape[dim] for parts in stated]
        if any(parts[place].gradient == 2 for parts in stated):
            # without a gradient of its own, a process still has to take part in the sum
            live = tensor if tensor.requires_grad else tensor.detach().requires_grad_()
            gathered.append(GatherRows.apply(live, dim, sizes))  # type: ignore[no-untyped-call]
        else:
            gathered.append(gather_rows(tensor, dim, sizes))
    return tuple(gathered)


def gather_inputs(
    inputs: tuple[Tensor | None, ...], dims: tuple[int | None, ...], names: tuple[str, ...]
) -> tuple[Tensor | None, ...]:
    """``gather_batch`` for inputs some of which are left out; they are left out everywhere."""
    given = [place for place, value in enumerate(inputs) if value is not None]
    found = gather_batch(
        tuple(value for value in inputs if value is not None),
        tuple(dims[place] for place in given),
        tuple(names[place] for place in given),
    )
    result = list(inputs)
    for place, value in zip(given, found, strict=True):
        result[place] = value
    return tuple(result)


def present(value: Tensor | None, name: str) -> Tensor:
    """An input that cannot be left out.

    Raises:
        ValueError: It was.
    """
    if value is None:
        raise ValueError(f"{name}: this input cannot be left out")
    return value


class GatheredPart(NamedTuple):
    """What a process says about one of its tensors.

    Args:
        dtype: A place in ``gathered_dtypes()``, or -1.
        dim: The batch dim; -1: there is none.
        gradient: 0 where gradients are disabled, 1 if the tensor needs none, 2 if it needs one.
        shape: All sizes.
    """

    dtype: int
    dim: int
    gradient: int
    shape: tuple[int, ...]

    def __str__(self) -> str:
        """What must be the same on all processes: the batch's size is not in it."""
        sizes = ["*" if at == self.dim else str(size) for at, size in enumerate(self.shape)]
        name = "another dtype" if self.dtype < 0 else str(gathered_dtypes()[self.dtype])
        return f"{name} [{', '.join(sizes)}]"


def gathered_dtypes() -> tuple[torch.dtype, ...]:
    """The dtypes that can be gathered; all processes number them alike."""
    whole = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
    return (torch.bool, *whole, torch.float16, torch.bfloat16, torch.float32, torch.float64)


def exchange_parts(
    tensors: tuple[Tensor, ...], dims: tuple[int | None, ...]
) -> list[list[GatheredPart]]:
    """What every process says about each of its tensors: one list a process, by rank."""
    if any(dim is not None and dim < 0 for dim in dims):
        raise ValueError(f"expected batch dims that count from 0, got {dims}")
    dtypes = gathered_dtypes()
    said = [len(tensors)]
    for tensor, dim in zip(tensors, dims, strict=True):
        said.append(dtypes.index(tensor.dtype) if tensor.dtype in dtypes else -1)
        said.append(-1 if dim is None else dim)
        said.append(1 + int(tensor.requires_grad) if torch.is_grad_enabled() else 0)
        said += [tensor.ndim, *tensor.shape]
    # a collective needs equal lengths: up to a dozen tensors fit, also where processes disagree
    said += [0] * (-len(said) % 64)
    device = tensors[0].device if tensors else None
    stated = []
    for numbers in gather_equal(torch.tensor(said, device=device)).tolist():
        parts, at = [], 1
        for _ in range(numbers[0]):
            dtype, axis, gradient, ndim = numbers[at : at + 4]
            shape = tuple(numbers[at + 4 : at + 4 + ndim])
            parts.append(GatheredPart(dtype, axis, gradient, shape))
            at += 4 + ndim
        stated.append(parts)
    return stated


def check_parts(stated: list[list[GatheredPart]], names: tuple[str, ...]) -> None:
    """Raises ValueError unless what the processes say fits together."""
    first = stated[0]
    for rank, parts in enumerate(stated):
        if len(parts) != len(first):
            raise ValueError(
                f"process {rank} gathers {len(parts)} tensors, and process 0 {len(first)}"
            )
    for rank, parts in enumerate(stated):
        for name, part, expected in zip(names, parts, first, strict=True):
            if str(part) != str(expected):
                raise ValueError(
                    f"{name}: expected the same on all processes but for the batch (*), got "
                    f"{part} on process {rank} and {expected} on process 0"
                )
            if part.dim >= 0 and part.dtype < 0:
                raise ValueError(f"{name}: expected real or whole numbers, or bool, to gather")
            if part.dim >= len(part.shape):
                raise ValueError(
                    f"{name}: expected dim {part.dim} to be the batch's, got {list(part.shape)}"
                )
        rows = {name: p.shape[p.dim] for name, p in zip(names, parts, strict=True) if p.dim >= 0}
        if len(set(rows.values())) > 1:
            counts = ", ".join(f"{size} of {name}" for name, size in rows.items())
            raise ValueError(f"expected as many rows of each, got on process {rank}: {counts}")
    for place, name in enumerate(names):
        flags = [parts[place].gradient for parts in stated]
        if first[place].dim >= 0 and 0 in flags and 2 in flags:
            raise ValueError(
                f"{name}: gradients are disabled on process {flags.index(0)}, and process "
                f"{flags.index(2)}, which needs one, would wait for it"
            )


class GatherRows(torch.autograd.Function):
    """Rows of all processes; their gradients are summed over processes on the way back."""

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx, tensor: Tensor, dim: int, sizes: list[int]
    ) -> Tensor:
        """Returns the rows of all processes, of which each has ``sizes[rank]``."""
        ctx.place = dim, sizes  # type: ignore[attr-defined]
        return gather_rows(tensor, dim, sizes)

    @staticmethod
    def backward(
        ctx: torch.autograd.function.FunctionCtx, grad: Tensor
    ) -> tuple[Tensor, None, None]:
        """The own rows of the sum; the sum has no derivative of its own."""
        if torch.is_grad_enabled():
            raise RuntimeError("the gradient of a gathered batch has no gradient")
        dim, sizes = ctx.place  # type: ignore[attr-defined]
        # a copy: autograd may hand the same gradient to others
        total = torch.empty_like(
            grad,
            dtype=torch.promote_types(grad.dtype, torch.float32),
            memory_format=torch.contiguous_format,
        ).copy_(grad)
        if total.numel() > 0:
            torch.distributed.all_reduce(total)
        rank = torch.distributed.get_rank()
        return total.narrow(dim, sum(sizes[:rank]), sizes[rank]).to(grad.dtype), None, None


def gather_rows(tensor: Tensor, dim: int, sizes: list[int]) -> Tensor:
    """The rows of all processes, without gradient.

    Args:
        tensor: The rows of this process.
        dim: Where its rows are counted.
        sizes: How many rows each process has.
    """
    shapes = [(*tensor.shape[:dim], size, *tensor.shape[dim + 1 :]) for size in sizes]
    counts = [math.prod(shape) for shape in shapes]
    sent = tensor.new_zeros(max(counts))
    sent[: tensor.numel()] = tensor.detach().flatten()
    parts = [
        row[:count].reshape(shape)
        for row, count, shape in zip(gather_equal(sent), counts, shapes, strict=True)
    ]
    return torch.cat(parts, dim)


def gather_equal(tensor: Tensor) -> Tensor:
    """A tensor of one size on all processes: ``[n] -> [process, n]``.

    It travels as bytes, which every backend knows, whatever the dtype is: bool and half too.
    """
    received = tensor.new_empty((world_size(), len(tensor)))
    if len(tensor) == 0:
        return received
    sent, kept = tensor.view(torch.uint8), received.view(torch.uint8)
    if torch.distributed.get_backend() == "nccl":
        torch.distributed.all_gather_into_tensor(kept, sent)
    else:
        torch.distributed.all_gather(list(kept.unbind(0)), sent)
    return received
