"""Run-time checks of a loss's inputs: messages name the input, what was expected and what came."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def check_shape(
    name: str, value: Tensor, dims: tuple[str | int, ...], sizes: dict[str, int]
) -> None:
    """Raises ValueError unless ``value`` has the declared dims; new dims are entered in ``sizes``.

    Args:
        name: The input's name.
        value: What came.
        dims: Dim symbols and fixed sizes.
        sizes: Sizes of the dims seen so far.
    """
    want = f"[{', '.join(str(dim) for dim in dims)}]"
    if not isinstance(value, Tensor):
        raise ValueError(f"{name}: expected a tensor {want}, got {type(value).__name__}")
    if value.ndim != len(dims):
        raise ValueError(f"{name}: expected the dims {want}, got the shape {list(value.shape)}")
    for dim, size in zip(dims, value.shape, strict=True):
        known = dim if isinstance(dim, int) else sizes.setdefault(dim, size)
        if size != known:
            said = "" if isinstance(dim, int) else f" with {dim} = {known}"
            raise ValueError(
                f"{name}: expected the dims {want}{said}, got the shape {list(value.shape)}"
            )


def check_real(name: str, value: Tensor, live: bool) -> None:
    """Raises ValueError unless ``value`` is of a floating dtype; live scores must not be NaN."""
    if not value.is_floating_point():
        raise ValueError(f"{name}: expected real numbers, got {value.dtype}")
    # a sum is NaN wherever a score is, and takes a tenth of the time of asking each
    if live and math.isnan(value.detach().sum().item()) and value.isnan().any():
        count = int(value.isnan().sum())
        raise ValueError(f"{name}: {count} of {value.numel()} scores are NaN")


def check_range(
    name: str, value: Tensor, low: float, high: float, closed_low: bool, closed_high: bool
) -> None:
    """Raises ValueError unless all of ``value`` lies in the declared interval; NaN never does."""
    least, most = value.detach().aminmax() if value.numel() else (low, high)
    if (least >= low if closed_low else least > low) and (
        most <= high if closed_high else most < high
    ):
        return
    above = value >= low if closed_low else value > low
    beneath = value <= high if closed_high else value < high
    inside = above & beneath
    if not inside.all():
        interval = f"{'[' if closed_low else '('}{low:g}, {high:g}{']' if closed_high else ')'}"
        first = float(value.detach()[~inside].flatten()[0])
        raise ValueError(f"{name}: expected values in {interval}, got {first:g}")


def check_index(name: str, value: Tensor, below: int | None, ignore: int | None) -> None:
    """Raises ValueError unless ``value`` holds whole numbers in ``[0, below)``, or ``ignore``."""
    if value.is_floating_point() or value.is_complex() or value.dtype == torch.bool:
        raise ValueError(f"{name}: expected whole numbers (torch.int64), got {value.dtype}")
    if below is None:
        return
    outside = (value < 0) | (value >= below)
    if ignore is not None:
        outside &= value != ignore
    if outside.any():
        first = int(value[outside].flatten()[0])
        also = "" if ignore is None else f" or the ignored {ignore}"
        raise ValueError(f"{name}: expected values from 0 to {below - 1}{also}, got {first}")


def check_flag(name: str, value: Tensor) -> None:
    """Raises ValueError unless ``value`` is bool, or whole numbers that are 0 or 1."""
    if value.dtype == torch.bool:
        return
    if value.is_floating_point() or value.is_complex():
        raise ValueError(f"{name}: expected bool, got {value.dtype}")
    if ((value != 0) & (value != 1)).any():
        raise ValueError(f"{name}: expected bool, got whole numbers other than 0 and 1")


def check_defined(value: Tensor, message: str) -> None:
    """Raises ValueError with ``message`` where a metric has no value on this batch."""
    if value.isnan().any():
        raise ValueError(message)


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raises ValueError unless an option is one of its choices."""
    if value not in choices:
        raise ValueError(f"{name}: expected one of {', '.join(choices)}, got {value!r}")


def check_number(
    name: str,
    value: object,
    low: float,
    high: float,
    closed_low: bool = True,
    closed_high: bool = True,
    whole: bool = False,
) -> None:
    """Raises ValueError unless an option is a number in its interval, and whole if it must be."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{name}: expected a number, got {value!r}")
    above = value >= low if closed_low else value > low
    beneath = value <= high if closed_high else value < high
    if not (above and beneath):
        interval = f"{'[' if closed_low else '('}{low:g}, {high:g}{']' if closed_high else ')'}"
        raise ValueError(f"{name}: expected a number in {interval}, got {value}")
    if whole and not isinstance(value, int):
        raise ValueError(f"{name}: expected a whole number, got {value}")


def as_scores(value: Tensor) -> Tensor:
    """Scores in at least single precision; infinities become the largest finite numbers."""
    if value.dtype in (torch.float16, torch.bfloat16):
        value = value.float()
    if all_finite(value):
        return value
    limit = torch.finfo(value.dtype).max
    return value.clamp(-limit, limit)


def all_finite(value: Tensor) -> bool:
    """Whether all numbers are known to be finite; not where asking would have to wait.

    A finite sum has finite terms. One that overflows says nothing.
    """
    if torch.compiler.is_compiling() or value.device.type != "cpu":
        return False
    return math.isfinite(value.detach().sum().item())


def check_places(*sizes: int) -> None:
    """Raises ValueError before comparisons are made that no memory would hold.

    Args:
        *sizes: The axes of a family; all their places are made, whether stored or not.
    """
    places = 1
    for size in sizes:
        places *= size
    if places > 2**28:
        raise ValueError(
            f"{' x '.join(str(size) for size in sizes)} comparisons are {places:,} places, and at "
            f"most {2**28:,} fit: use smaller batches or maps"
        )
