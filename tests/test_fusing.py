"""``lossc.fuse``: the loss is what it was, faster or left alone."""

import pytest
import torch
from torch.testing import assert_close

import lossc
from lossc import fusing


def scored(n):
    torch.manual_seed(3)
    return torch.randn(n, requires_grad=True), torch.rand(n) < 0.3


def gradient(loss, score, relevant):
    (found,) = torch.autograd.grad(loss(score, relevant), score)
    return found


@pytest.fixture(scope="module")
def both():
    """A loss, the same one fused, and what was measured."""
    options = {"interpolation": "substitute", "validate": False}
    params = {"activation": "sigmoid"}
    eager = lossc.loss("f_beta", params=params, **options)
    fused = lossc.loss("f_beta", params=params, **options)
    return eager, fused, lossc.fuse(fused, *scored(64), gain=0.0, seconds=0.01)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_fused_loss_has_the_same_numbers(both):
    eager, fused, report = both
    if report.fused_ms is None:
        pytest.skip(f"no fused kernels here: {report.reason}")
    assert report.fused and report.eager_ms > 0 < report.fused_ms
    score, relevant = scored(64)
    assert_close(fused(score, relevant), eager(score, relevant), rtol=1e-5, atol=1e-6)
    assert_close(gradient(fused, score, relevant), gradient(eager, score, relevant))
    assert list(fused.state_dict()) == list(eager.state_dict())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_batches_of_another_size_are_right_too(both):
    eager, fused, _ = both
    score, relevant = scored(17)
    assert_close(gradient(fused, score, relevant), gradient(eager, score, relevant))


def test_what_is_not_faster_stays_as_it_was():
    loss = lossc.loss("f_beta", interpolation="substitute", validate=False)
    report = lossc.fuse(loss, *scored(64), gain=1e9, seconds=0.01)
    assert not report.fused
    assert loss._compiled_call_impl is None


def test_measuring_moves_no_buffer_and_no_input():
    loss = lossc.loss("f_beta", validate=False)
    before = {name: value.clone() for name, value in loss.state_dict().items()}
    score, relevant = scored(16)
    lossc.fuse(loss, score, relevant, gain=1e9, seconds=0.01)
    assert score.grad is None
    assert_close(loss.state_dict(), before)


class Broken(torch.nn.Module):
    """Works in eager mode only."""

    def compile(self):
        raise RuntimeError("no compiler here\nand more lines")

    def forward(self, score):
        return score.sum()


class Wrong(torch.nn.Module):
    """Other numbers when compiled."""

    def forward(self, score):
        return score.sum() * (2 if torch.compiler.is_compiling() else 1)


@pytest.mark.parametrize("kind", [Broken, Wrong])
def test_what_cannot_be_fused_stays_as_it_was(kind):
    loss = kind()
    report = fusing.fuse(loss, torch.ones(3), seconds=0.01)
    assert not report.fused and report.fused_ms is None and report.reason
    assert "\n" not in report.reason
    assert float(loss(torch.ones(3))) == 3


def test_a_loss_without_a_live_input_is_refused():
    with pytest.raises(ValueError, match="floating"):
        fusing.fuse(Wrong(), torch.ones(3, dtype=torch.long))
