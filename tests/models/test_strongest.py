from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from lossc.compiler.compile import compile_spec
from lossc.models.errors import TaskError
from lossc.models.losses import resolve
from lossc.models.recipes import RECIPES
from lossc.models.strongest import StrongestRivals, strongest


class CrossEntropy(nn.Module):
    def forward(self, scores, label):
        return functional.cross_entropy(scores, label)


def by_hand(scores, label, count):
    """The classes that are kept, one example at a time."""
    kept = []
    for row, own in zip(scores.tolist(), label.tolist(), strict=True):
        others = [c for c in range(len(row)) if c != own]
        others.sort(key=lambda c: (-row[c], c))
        kept.append(sorted([own, *others[:count]]))
    return kept


@pytest.mark.parametrize("kind", ["random", "tied", "equal", "infinite"])
def test_the_classes_that_are_kept(kind):
    generator = torch.Generator().manual_seed(3)
    scores = torch.randn(40, 12, generator=generator)
    if kind == "tied":
        scores = scores.round()
    if kind == "equal":
        scores = torch.zeros_like(scores)
    if kind == "infinite":
        scores[::2, 3], scores[1::2, 5] = torch.inf, -torch.inf
    label = torch.randint(12, (40,), generator=generator)
    seen, place = strongest(scores, label, 4)
    assert seen.tolist() == by_hand(scores, label, 4)
    assert seen.gather(1, place[:, None])[:, 0].equal(label)


def test_value_and_gradient_are_those_of_the_classes_that_are_kept():
    scores = torch.randn(30, 12, dtype=torch.float64, requires_grad=True)
    label = torch.randint(12, (30,))
    value = StrongestRivals(CrossEntropy(), 4)(scores, label)
    value.backward()
    kept = by_hand(scores.detach(), label, 4)
    parts, gradient = [], torch.zeros_like(scores)
    for i, classes in enumerate(kept):
        row = scores.detach()[i, classes].requires_grad_()
        part = (
            functional.cross_entropy(row[None], torch.tensor([classes.index(int(label[i]))])) / 30
        )
        part.backward()
        parts.append(part.detach())
        gradient[i, classes] = row.grad
    torch.testing.assert_close(value.detach(), torch.stack(parts).sum())
    torch.testing.assert_close(scores.grad, gradient)
    assert int((scores.grad != 0).sum(dim=1).max()) <= 5


def test_a_metric_has_20_comparisons_an_example():
    """2,560 of 12,672 comparisons in a batch of 128 on CIFAR-100, 20.2%."""
    scores, label = torch.randn(128, 100), torch.randint(100, (128,))
    seen, place = strongest(scores, label, 20)
    compiled = compile_spec("accuracy")
    assert compiled.comparisons(scores=scores, label=label).numel() == 12_672
    assert compiled.comparisons(scores=scores.gather(1, seen), label=place).numel() == 2_560
    right = compiled.metric(scores=scores, label=label)
    assert compiled.metric(scores=scores.gather(1, seen), label=place) == right


def test_few_classes_are_all_seen():
    scores, label = torch.randn(8, 5), torch.randint(5, (8,))
    for count in (4, 5, 100):
        value = StrongestRivals(CrossEntropy(), count)(scores, label)
        assert value == functional.cross_entropy(scores, label)


def test_the_trainer_reaches_the_loss_itself():
    loss = StrongestRivals(compile_spec("accuracy", interpolation="idw").loss(), 3)
    loss.set_epoch(2)
    assert set(loss.state_dict()) == {f"loss.{name}" for name in loss.loss.state_dict()}
    with pytest.raises(AttributeError):
        loss.no_such_thing  # noqa: B018


def test_in_the_text_of_a_loss():
    choice = resolve("accuracy(rivals=20)", RECIPES["cifar100"])
    loss = choice.build(0)
    assert isinstance(loss, StrongestRivals)
    assert loss.count == 20
    assert resolve("cross_entropy(rivals=5)", RECIPES["digits"]).build(0).count == 5
    assert "rivals" not in choice.rule  # a rate is for the loss
    for text, task, message in (
        ("interpolated_average_precision(rivals=3)", "mnist-ap", "rivals are for losses of scores"),
        ("accuracy(rivals=0)", "digits", "rivals is an integer from 1, not 0"),
        ("accuracy(rivals=2.5)", "digits", "rivals is an integer from 1, not 2.5"),
    ):
        with pytest.raises(TaskError, match=message):
            resolve(text, RECIPES[task])
