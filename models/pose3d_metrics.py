"""How far 3D joints that were read from heatmaps are from where they are."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from lossc.models.camera import mpjpe
from lossc.models.data.pose3d import positions
from lossc.models.heatmap_decoding import by_argmax, by_integral_3d


def read_joints(volume: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Joints by integral, by argmax and as they are, each ``[n, k, 3]`` in the camera's mm.

    The root's depth is given, as the public decoder has it; its place in the picture is not, and
    the joints are not shifted onto the true root.

    Args:
        volume: ``[n, k, d, h, w]``, raw 3D maps.
        targets: Of a split of :func:`~lossc.models.data.pose3d.pose3d`.
    """
    read = {"integral": by_integral_3d(volume), "argmax": by_argmax(volume)}
    found = {
        name: positions(place[..., :2], place[..., 2], targets) for name, place in read.items()
    }
    return {**found, "truth": targets["position"]}


def mpjpe_integral(joints: Mapping[str, Tensor]) -> float:
    """Mean distance of the joints by integral from where they are, mm.

    Args:
        joints: What :func:`read_joints` gives.
    """
    return mpjpe(joints["integral"], joints["truth"])


def mpjpe_argmax(joints: Mapping[str, Tensor]) -> float:
    """The same for the joints by argmax."""
    return mpjpe(joints["argmax"], joints["truth"])
