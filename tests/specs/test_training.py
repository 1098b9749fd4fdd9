"""Every bundled metric can be learnt: steps along the gradient of its loss improve the metric."""

from __future__ import annotations

import pytest
import torch

from lossc import specs
from lossc.grammar.load import load
from tests.specs.batches import compiled

METRICS = [name for name in specs.names() if load(name).goal.kind not in ("loss", "combine")]
SIZES = {"n": 24, "p": 4, "k": 2, "h": 6, "w": 6}
SMALL_K = {"top_k_accuracy": 2, "precision_at_k": 4, "recall_at_k": 4, "hit_rate": 1}


def batch_of(spec):
    """Random inputs; two queries where there is a group."""
    inputs = {}
    for entry in spec.inputs:
        kind = entry.kind
        shape = [SIZES[d.size] if isinstance(d.size, str) else d.size for d in kind.dims]
        if kind.type == "real":
            inputs[entry.name.id] = torch.randn(shape) if kind.live else torch.rand(shape) * 5
        elif kind.type == "bool":
            inputs[entry.name.id] = torch.rand(shape) < 0.3
        else:
            inputs[entry.name.id] = torch.randint(SIZES["p"] if kind.below else 2, shape)
    return inputs


@pytest.mark.parametrize("name", METRICS)
def test_following_the_gradient_improves_the_metric(name):
    torch.manual_seed(1)
    one = compiled(name, **({"k": SMALL_K[name]} if name in SMALL_K else {}))
    inputs = batch_of(one.spec)
    (live,) = (inputs[e.name.id].requires_grad_() for e in one.spec.inputs if e.kind.live)
    loss = one.loss()
    before = loss.metric(**inputs).item()
    assert before != (0 if one.spec.goal.kind == "minimize" else 1)  # there is something to learn
    optimizer = torch.optim.Adam([live], lr=0.05)
    for _ in range(100):
        optimizer.zero_grad()
        loss(**inputs).backward()
        assert live.grad.isfinite().all()
        optimizer.step()
    gained = loss.metric(**inputs).item() - before
    assert (-gained if one.spec.goal.kind == "minimize" else gained) > 0.02
