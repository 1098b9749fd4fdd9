"""Decisions alone, combined and about one another: small specs, each tried on many batches.

Every spec is evaluated as written and by way of binaries, on random, tied, equal, extreme, masked,
full and empty batches, which must agree; and no configuration may beat the one taken as best.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

import pytest
import torch

from lossc.compiler.compile import CompiledLoss, compile_spec
from tests.surrogates import IDW

BATCHES = 203  # 29 of each kind
TEXT = (Path(__file__).parent / "decisions.lossc").read_text(encoding="utf-8")
SPECS = {part.split()[1]: part for part in re.split(r"\n(?=spec )", TEXT)[1:]}
METRICS = [name for name, text in SPECS.items() if "\nloss " not in text]


@functools.cache
def compiled(name: str) -> CompiledLoss:
    return compile_spec(SPECS[name], **IDW)


@pytest.mark.parametrize("name", SPECS)
def test_by_way_of_binaries_it_is_the_metric(name):
    report = compiled(name).check(BATCHES, seed=3)
    assert report.batches == BATCHES
    if name in METRICS:
        assert report.comparisons > 0
        assert report.configurations > 0


@pytest.mark.parametrize("name", METRICS)
def test_its_loss_has_a_gradient(name):
    one = compiled(name)
    sizes = {"n": 7, "p": 4, "h": 3, "w": 3}
    generator = torch.Generator().manual_seed(1)
    inputs = []
    for entry in one.spec.inputs:
        shape = [sizes[dim.size] for dim in entry.kind.dims]
        if entry.kind.type == "real":
            value = torch.randn(shape, generator=generator, requires_grad=entry.kind.live)
        elif entry.kind.type == "int":
            value = torch.randint(3, shape, generator=generator)
        else:
            value = torch.rand(shape, generator=generator) < 0.5
        inputs.append(value)
    loss = one.loss()(*inputs)
    loss.backward()
    assert loss.isfinite()
    gradients = [v.grad for v in inputs if v.requires_grad and v.grad is not None]
    assert gradients
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert sum(gradient.abs().sum() for gradient in gradients) > 0


def test_the_table_is_as_large_as_it_was():
    assert len(SPECS) == 39
