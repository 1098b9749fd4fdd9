"""Former batches beside the current one: what they are, and how they are kept."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch.testing import assert_close

import lossc
from lossc.grammar.errors import SpecError
from lossc.runtime.memory import MemoryQueue


def batches(count, size=4):
    generator = torch.Generator().manual_seed(3)
    for number in range(count):
        score = torch.randn(size, generator=generator, dtype=torch.float64, requires_grad=True)
        yield score, torch.arange(size) % (2 + number % 2) == 0


def remembering(size=6, **options):
    options = {"interpolation": "substitute", **options}
    return lossc.loss("average_precision", memory=f"queue(size={size})", **options)


def test_the_loss_is_that_of_the_batch_with_former_ones_behind_it():
    loss, plain = remembering(), lossc.loss("average_precision", interpolation="substitute")
    former: list[tuple[torch.Tensor, torch.Tensor]] = []
    for score, relevant in batches(5):
        value = loss(score, relevant)
        (gradient,) = torch.autograd.grad(value, score)
        scores = torch.cat([score, *(s for s, _ in former)])[:10]
        flags = torch.cat([relevant, *(r for _, r in former)])[:10]
        expected = plain(scores, flags)
        assert_close(value, expected)
        assert_close(gradient, torch.autograd.grad(expected, score)[0])
        former.insert(0, (score.detach(), relevant))


def test_evaluation_sees_the_batch_alone_and_keeps_nothing():
    loss, plain = remembering(), lossc.loss("average_precision", interpolation="substitute")
    for score, relevant in batches(2):
        loss(score, relevant)
    kept = loss.memory.kept
    loss.eval()
    for score, relevant in batches(2):
        assert_close(loss(score, relevant), plain(score, relevant))
    assert all(a is b for a, b in zip(kept, loss.memory.kept, strict=True))


def test_the_metric_is_that_of_the_batch():
    loss = remembering()
    for score, relevant in batches(3):
        loss(score, relevant)
        assert_close(
            loss.metric(score, relevant), lossc.Metric("average_precision")(score, relevant)
        )


def test_copies_and_checkpoints_go_on_with_it(tmp_path):
    loss = remembering()
    for score, relevant in batches(3):
        loss(score, relevant)
    torch.save(loss.state_dict(), tmp_path / "state.pt")
    fresh = remembering()
    fresh.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    others = [fresh, copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))]
    score, relevant = next(batches(1))
    expected = loss(score, relevant)
    for other in others:
        assert torch.equal(other(score, relevant), expected)


def test_it_can_forget():
    loss, plain = remembering(), lossc.loss("average_precision", interpolation="substitute")
    first, second = batches(2)
    loss(*first)
    loss.memory.forget()
    assert_close(loss(*second), plain(*second))


def test_batches_of_other_sizes_and_other_shapes():
    queue = MemoryQueue(5)
    assert [v.shape[0] for v in queue.beside((torch.zeros(3, 2),), (0,))] == [3]
    assert [v.shape[0] for v in queue.beside((torch.zeros(4, 2),), (0,))] == [7]
    assert queue.kept[0].shape[0] == 5
    # with other classes, former scores are of no use
    assert [v.shape[0] for v in queue.beside((torch.zeros(2, 3),), (0,))] == [2]
    table = torch.eye(3)
    _, same = queue.beside((torch.zeros(1, 3), table), (0, None))
    assert same is table


def test_it_is_an_option_of_a_spec():
    spec = (
        "spec t\ninput score: real[n]\ninput relevant: bool[n]\n"
        "evaluate mean[i | relevant[i]] [score[i] > 0] else 0\nsurrogate memory queue(size = 9)"
    )
    assert lossc.loss(spec).memory.size == 9
    assert "memory=queue" in str(lossc.compile(spec).stages)
    assert lossc.loss(spec.replace("size = 9", "7")).memory.size == 7
    assert lossc.loss("auroc", memory="queue(5)").memory.size == 5
    wrongs = ("queue(size = 0)", "queue(length = 3)", "none(size = 3)", "stack")
    for wrong in (*wrongs, "queue(0)", "queue(1.5)", "queue(-1)", "none(3)"):
        with pytest.raises(SpecError):
            lossc.loss("auroc", memory=wrong)


def test_a_batch_without_positives_learns_from_former_ones():
    score, relevant = torch.randn(6, requires_grad=True), torch.zeros(6).bool()
    plain = lossc.loss("average_precision", interpolation="substitute")
    value = plain(score, relevant)
    assert not value.requires_grad or not torch.autograd.grad(value, score)[0].any()
    loss = remembering(64)
    loss(torch.randn(6), torch.ones(6).bool())
    (gradient,) = torch.autograd.grad(loss(score, relevant), score)
    assert (gradient > 0).all()
