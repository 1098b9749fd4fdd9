"""What Anchor Loss tests a trained pose network by, besides single images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import nn

from lossc.models.data.joints import GROUPS
from lossc.models.data.split import Split
from lossc.models.pose_metrics import shares_found
from lossc.models.pose_report import activation_of
from lossc.models.pose_testing import SIX_SCALES, counted_double, found_by
from lossc.models.run import Run, RunFolder

After = Callable[[Run], Mapping[str, float]]


@dataclass(frozen=True)
class SixScales:
    """Shares of joints found in mirrored images of six scales, by group (section 4.2).

    Args:
        length: ``head`` or ``torso``.
        alpha: The largest distance, in these lengths.
    """

    length: str
    alpha: float

    def __call__(self, run: Run) -> dict[str, float]:
        """``six_GROUP`` for each group of joints, and ``six_mean``, of the test split."""
        network, test = _trained(run)
        activation = activation_of(run.job.choice.text)
        found = found_by(network, test, SIX_SCALES, mirrored=True, activation=activation)
        shares = shares_found(found, self.length, self.alpha)
        return {f"six_{group}": shares[group] for group in (*GROUPS, "mean")}


def double_counting(run: Run) -> dict[str, float]:
    """How many test maps have several peaks, and how often the highest is right (section 5)."""
    network, test = _trained(run)
    double = counted_double(network, test, activation_of(run.job.choice.text))
    return {
        "several": double.share_several,
        "several_right": double.share_right,
        "maps": float(double.maps),
    }


def _trained(run: Run) -> tuple[nn.Module, Split]:
    """A run's network with the tested weights, and the test split, on one device."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = run.job.recipe.network()
    weights = torch.load(RunFolder(run.job.folder).weights, map_location="cpu", weights_only=True)
    network.load_state_dict(weights)
    test = run.job.recipe.data(run.job.data).test
    assert isinstance(test, Split)  # all pose data is in memory
    return network.to(device), test.to(device)
