"""Gaussian heatmaps as targets, in two and three dimensions, for a whole batch at once.

A Gaussian is the product of one profile along each axis, so that a map is an outer product of short
vectors and no loop runs over joints.

Source: the memo on adaptive Euclidean losses for integral pose regression (its public files):
sigma 2 and a window of 13 x 13 on maps of 64 x 64, and along depth what :func:`depth_window` says.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

#: The resolution that depths are first cut into, whatever the depth of the maps.
DEPTH_BINS = 64

#: From positions in cells (float) to cells (still float): which cell holds the peak.
Centre = Callable[[Tensor], Tensor]


def nearest_corner(position: Tensor) -> Tensor:
    """The cell whose lower corner is nearest: ``int(c + 0.5)``, which a map read at ``x`` wants.

    >>> nearest_corner(torch.tensor([0.0, 3.4, 3.5]))
    tensor([0., 3., 4.])
    """
    return (position + 0.5).floor()


def containing_cell(position: Tensor) -> Tensor:
    """The cell that the position is in, which a map read at cell centres, ``x + 0.5``, wants.

    >>> containing_cell(torch.tensor([0.0, 3.4, 3.5]))
    tensor([0., 3., 3.])
    """
    return position.floor()


def heatmaps_2d(
    joint: Tensor,
    size: tuple[int, int],
    *,
    sigma: float = 2.0,
    window: int = 13,
    centre: Centre = nearest_corner,
    visible: Tensor | None = None,
) -> Tensor:
    r"""A Gaussian of peak 1 at each joint, exactly 0 outside a square window.

    .. math:: t_{yx} = \exp\left(-\frac{(x - \hat x)^2 + (y - \hat y)^2}{2 \sigma^2}\right)

    A window that hangs over the border is cut off there. A joint that is invisible, not finite, or
    so far outside that its window does not touch the map has a map of zeros.

    Args:
        joint: ``[n, k, 2]``, x and y as shares of the map's width and height.
        size: Height and width of a map, in cells.
        sigma: Of the Gaussian, in cells.
        window: Side of the window, in cells; odd.
        centre: From a position in cells to the cell of the peak.
        visible: ``bool[n, k]``. ``None``: all joints are.

    Returns:
        ``[n, k, h, w]``, of the joint's dtype and device.

    Raises:
        ValueError: The window is even or not positive, or sigma is not positive.
    """
    height, width = size
    x = profile(centre(joint[..., 0] * width), width, sigma, window)
    y = profile(centre(joint[..., 1] * height), height, sigma, window)
    return _seen(y.unsqueeze(-1) * x.unsqueeze(-2), visible)


def heatmaps_3d(
    joint: Tensor,
    depth: Tensor,
    size: tuple[int, int, int],
    *,
    sigma: float = 2.0,
    window: int = 13,
    centre: Centre = nearest_corner,
    visible: Tensor | None = None,
) -> Tensor:
    """The 2D Gaussian of each joint times one along depth around its bin.

    The window along depth is :func:`depth_window` of the map's depth, its sigma a sixth of that.
    A depth outside [0, 1] has no bin, and a map of zeros.

    Args:
        joint: ``[n, k, 2]``, x and y as shares of the map's width and height.
        depth: ``[n, k]``, as a share of the depth range.
        size: Depth, height and width of a map, in cells.
        sigma: As for :func:`heatmaps_2d`.
        window: The same.
        centre: The same; depths always go into the bin that they are in.
        visible: ``bool[n, k]``. ``None``: all joints are.

    Returns:
        ``[n, k, d, h, w]``.

    Raises:
        ValueError: As for :func:`heatmaps_2d`, or the depth of the maps is not positive.
    """
    deep, height, width = size
    extent = depth_window(deep)
    plane = heatmaps_2d(
        joint, (height, width), sigma=sigma, window=window, centre=centre, visible=visible
    )
    z = profile(depth_bin(depth, deep), deep, extent / 6, extent)
    return z[..., :, None, None] * plane.unsqueeze(-3)


def depth_window(depth: int) -> int:
    """Cells of the window along depth: 1, 1, 1, 3, 5, 7, 13 for depths 1, 2, 4, ..., 64.

    >>> [depth_window(2**power) for power in range(7)]
    [1, 1, 1, 3, 5, 7, 13]

    Raises:
        ValueError: The depth is not positive.
    """
    if depth < 1:
        raise ValueError(f"a map is at least one cell deep, not {depth}")
    return 2 * int((12 * depth / DEPTH_BINS + 1) / 2) + 1


def depth_bin(depth: Tensor, bins: int) -> Tensor:
    """The 0-based cell of each depth, as a float; NaN for a depth outside [0, 1].

    A depth goes to the first of 64 bins that holds it, ends included, and that bin to the map's.

    >>> depth_bin(torch.tensor([0.0, 0.25, 0.26, 1.0, 1.1]), 8)
    tensor([0., 1., 2., 7., nan])

    Args:
        depth: As shares of the depth range.
        bins: Depth of the map, in cells.
    """
    fine = (depth * DEPTH_BINS).ceil().clamp_min(1)
    coarse = (fine * bins / DEPTH_BINS).ceil() - 1
    return coarse.masked_fill((depth < 0) | (depth > 1), torch.nan)


def profile(centre: Tensor, length: int, sigma: float, window: int) -> Tensor:
    """A Gaussian along one axis with its peak, 1, at a cell.

    Args:
        centre: ``[...]``, whole numbers as floats; outside of the axis is allowed, NaN gives zeros.
        length: Cells of the axis.
        sigma: In cells.
        window: Cells that are not 0, odd.

    Returns:
        ``[..., length]``.

    Raises:
        ValueError: The window is even or not positive, or sigma is not positive.
    """
    if window < 1 or window % 2 == 0:
        raise ValueError(f"a window has a middle: an odd number of cells, not {window}")
    if not sigma > 0:
        raise ValueError(f"sigma is positive, not {sigma:g}")
    cells = torch.arange(length, dtype=centre.dtype, device=centre.device)
    distance = cells - centre.unsqueeze(-1)
    inside = distance.abs() <= window // 2  # false for NaN
    value = torch.exp(distance.square() / (-2 * sigma**2))
    return torch.where(inside, value, torch.zeros_like(value))


def _seen(maps: Tensor, visible: Tensor | None) -> Tensor:
    if visible is None:
        return maps
    return maps.masked_fill(~visible.bool()[..., None, None], 0)
