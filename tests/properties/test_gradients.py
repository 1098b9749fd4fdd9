"""No batch gives NaN gradients silently: every bundled spec, kind of batch and dtype."""

from __future__ import annotations

from functools import lru_cache

import pytest
import torch

from lossc.compiler.batches import KINDS, make_batch
from lossc.compiler.compile import CompiledLoss, compile_spec
from lossc.specs import names

DTYPES = (torch.float32, torch.float64, torch.bfloat16)


@lru_cache(maxsize=1)
def compiled(name: str) -> CompiledLoss:
    return compile_spec(name)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", sorted(names()))
def test_a_gradient_is_finite_or_the_loss_says_why_not(name: str, kind: str) -> None:
    one = compiled(name)
    loss = one.loss()
    generator = torch.Generator().manual_seed(3)
    live = [entry.name.id for entry in one.spec.inputs if entry.kind.live]
    for _ in range(3):
        batch = make_batch(one.spec, dict(one.plan.graph.params), kind, generator)
        for dtype in DTYPES:
            inputs = {
                key: value.to(dtype) if value.is_floating_point() else value
                for key, value in batch.inputs.items()
            }
            scores = [inputs[key].requires_grad_() for key in live]
            if not all(score.isfinite().all() for score in scores):
                continue  # beyond the largest number of the dtype
            try:
                value = loss(*inputs.values())
            except ValueError as error:
                assert "error L029" in str(error) or any(key in str(error) for key in inputs)
                continue
            if value.isinf() and kind == "extreme" and not one.plan.is_metric:
                continue  # the square of 1e300: an infinity is no silent NaN
            assert value.isfinite(), f"{dtype}\n{batch}"
            if value.requires_grad:
                for slope in torch.autograd.grad(value, scores, allow_unused=True):
                    assert slope is None or slope.isfinite().all(), f"{dtype}\n{batch}"
