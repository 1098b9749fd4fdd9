"""Reductions and arithmetic whose parts do not depend on scores, indices or data at all."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from lossc.compiler.compile import compile_spec

HEAD = """spec t
input score: real[n]
input relevant: bool[n]
input weight: target real[n]
param beta = 1.5 in (0, inf)
let base = mean[i | relevant[i]] [score[i] > 0] else 0
"""
SCORE = torch.tensor([1.0, -1.0, 1.0], dtype=torch.float64)
RELEVANT = torch.tensor([True, False, True])
WEIGHT = torch.tensor([0.25, 0.5, -0.5], dtype=torch.float64)
BODIES = {"2": 2, "beta": 1.5, "n": 3, "base": 1, "weight[0]": 0.25, "[relevant[0]]": 1}
FILTERS = {"": 3, " | relevant[k]": 2, " | relevant[k] and weight[k] > 0": 1, " | n > 2": 3}
REDUCTIONS = {
    "sum": lambda value, count: count * value,
    "mean": lambda value, count: value,
    "prod": lambda value, count: value**count,
    "min": lambda value, count: value,
    "max": lambda value, count: value,
    "logsumexp": lambda value, count: value + math.log(count),
}


@pytest.mark.parametrize("op", REDUCTIONS)
def test_an_index_that_the_body_does_not_have_repeats_it(op: str) -> None:
    for (body, value), (where, count) in itertools.product(BODIES.items(), FILTERS.items()):
        text = f"{HEAD}evaluate base + ({op}[k in n{where}] {body}) else 0\ntruth score[i] = 1\n"
        found = compile_spec(text).metric(SCORE, RELEVANT, WEIGHT).item()
        assert found == pytest.approx(1 + REDUCTIONS[op](value, count), abs=1e-12), text


@pytest.mark.parametrize("op", ["mean", "min", "max", "logsumexp"])
def test_over_nothing_the_default_stands(op: str) -> None:
    text = f"{HEAD}evaluate base + ({op}[k | weight[k] > 9] weight[k] else 7)\n"
    assert compile_spec(text).metric(SCORE, RELEVANT, WEIGHT) == 8


def test_a_division_by_a_dim_of_no_items_is_undefined() -> None:
    one = compile_spec(f"{HEAD}evaluate (base + 1) / n else 5\n")
    assert one.metric(SCORE, RELEVANT, WEIGHT) == pytest.approx(2 / 3)
    assert one.metric(SCORE[:0], RELEVANT[:0], WEIGHT[:0]) == 5


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("2 else weight[0]", 2),
        ("where(n > 2, base, 0.5)", 1),
        ("where(n > 9, base, (1 / 3))", 1 / 3),
        ("max(count[i | relevant[i]], 0.1) / 3", 2 / 3),
        ("(sort[i | n > 1] weight[i] at 1 else 0)", -0.5),
        ("(mean[i | relevant[i]] sqrt(beta) else 0)", math.sqrt(1.5)),
    ],
)
def test_numbers_keep_the_dtype_of_the_scores(written: str, value: float) -> None:
    one = compile_spec(f"{HEAD}evaluate base + ({written})\ntruth score[i] = 1\n")
    found = one.metric(SCORE, RELEVANT, WEIGHT)
    assert found.dtype == torch.float64
    assert found.item() == pytest.approx(1 + value, abs=1e-12)
