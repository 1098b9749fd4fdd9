"""Every entry of the registry of discrete operations: its example compiles and is what it was."""

from __future__ import annotations

import functools

import pytest
import torch

from lossc.compiler.build import build
from lossc.compiler.compile import CompiledLoss, compile_spec
from lossc.compiler.discrete import DISCRETE_OPS, PASSES
from lossc.compiler.ir.text import text
from lossc.compiler.ir.verify import REFACTORED, verify
from lossc.grammar.load import load

OPS = {operation.name: operation for operation in DISCRETE_OPS}


@functools.cache
def compiled(name: str) -> CompiledLoss:
    return compile_spec("spec one\n" + OPS[name].example)


@pytest.mark.parametrize("name", OPS)
def test_refactored_equals_reference(name):
    report = compiled(name).check(210, seed=4)
    assert report.batches == 210
    assert report.comparisons > 0


@pytest.mark.parametrize("name", OPS)
def test_a_step_against_the_gradient_can_be_taken(name):
    one = compiled(name)
    inputs = {
        "scores": torch.randn(12, 4, requires_grad=True),
        "label": torch.randint(4, (12,)),
        "score": torch.randn(12, requires_grad=True),
        "relevant": torch.arange(12) % 3 == 0,
    }
    taken = {entry.name.id: inputs[entry.name.id] for entry in one.spec.inputs}
    loss = one.loss()(**taken)
    loss.backward()
    (live,) = [value.grad for value in taken.values() if value.requires_grad]
    assert live.isfinite().all()
    assert live.abs().sum() > 0


@pytest.mark.parametrize("name", OPS)
def test_what_each_pass_does(name, golden):
    graph = build(load("spec one\n" + OPS[name].example))
    lines = [f"{'as written':<20} {text(graph.root)}"]
    before = graph.root
    for rewriting in PASSES:
        graph = rewriting(graph)
        verify(graph.root, rewriting.__name__)
        if graph.root is not before:
            lines.append(f"{rewriting.__name__:<20} {text(graph.root)}")
            before = graph.root
    verify(graph.root, "all", REFACTORED)
    golden(f"passes/{name.replace(', ', '-').replace(' ', '-')}.txt", "\n".join(lines) + "\n")


def test_a_pass_leaves_alone_what_it_does_not_know():
    graph = build(load("bce"))
    for rewriting in PASSES:
        assert rewriting(graph).root is graph.root
