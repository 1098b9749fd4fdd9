"""The picture of the step relaxations."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from lossc.compiler.choices import STEPS
from tools.step_pictures import PICTURE, curves, draw


@pytest.mark.parametrize("name", [name for name in STEPS if name != "straight_through"])
def test_the_slope_is_that_of_the_curve(name):
    comparison, relaxed, slope = curves(name)
    central = (relaxed[2:] - relaxed[:-2]) / (comparison[2:] - comparison[:-2])
    apart = (comparison[1:-1].abs() - torch.tensor([[0.0], [1.0]])).abs().amin(0) > 0.03
    assert_close(slope[1:-1][apart], central[apart], atol=2e-4, rtol=0)  # but at kinks
    assert_close(relaxed + relaxed.flip(0), torch.ones_like(relaxed))


def test_the_picture_is_there_and_can_be_drawn_again(tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib comes with the extra `train`")
    draw(tmp_path / "steps.svg")
    for text in ((tmp_path / "steps.svg").read_text(), PICTURE.read_text()):
        assert all(f">{name}<" in text for name in STEPS)
