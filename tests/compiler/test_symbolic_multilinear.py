"""The multilinear extension against the sum over all configurations, one by one."""

from __future__ import annotations

import itertools

import pytest
import sympy
import torch
from torch import nn
from torch.testing import assert_close

from lossc import specs
from lossc.compiler.batches import least_sizes, make_batch
from lossc.compiler.build import read_and_build
from lossc.compiler.compile import compile_spec
from lossc.compiler.emit.expected import expected_metric
from lossc.compiler.emit.memory import load_module
from lossc.compiler.ir.text import text
from lossc.compiler.symbolic.multilinear import multilinear_extension, reduced_polynomial

MOST = 10  # comparisons: 1,024 configurations
CLOSED = (
    *("accuracy", "balanced_accuracy", "within_one", "recall", "specificity", "pixel_accuracy"),
    *("auroc", "concordance_index", "pck", "pckh"),
)
REFUSED = ("average_precision", "precision", "f_beta", "top_k_accuracy", "ndcg", "macro_f1")
SCORES = "input score: real[n]\ninput relevant: bool[n]\n"
WRITTEN = {
    "any": SCORES + "evaluate [any[i | relevant[i]] (score[i] > 0)]",
    "none": SCORES + "minimize [not any[i | relevant[i]] (score[i] > 0.5)]",
    "power": SCORES + "evaluate mean[i] [score[i] > 0]^3 else 0",
    "same bit twice": SCORES
    + "evaluate mean[i] ([score[i] > 0] * (2 - [score[i] > 0])) else 0\ntruth score[i] = 1",
    "chosen": SCORES
    + "evaluate mean[i] where(score[i] > 0, 2, where(relevant[i], 1, 0)) else 0\n"
    + "truth score[i] = 1",
    "two inputs": "input a: real[n]\ninput b: real[n]\n"
    "evaluate mean[i] [a[i] > 0 and not b[i] > 0] else 0\n"
    "truth a[i] = 1\ntruth b[i] = -1",
    "either": "input a: real[n]\ninput b: real[n]\nevaluate mean[i] [a[i] > 0 or b[i] > 1] else 0",
    "xor": "input a: real[n]\ninput b: real[n]\n"
    "evaluate mean[i] ([a[i] > 0] + [b[i] > 0] - 2 * [a[i] > 0] * [b[i] > 0]) else 0\n"
    "truth a[i] = 1\ntruth b[i] = -1",
    "product": SCORES + "evaluate prod[i | relevant[i]] (0.5 + [score[i] > 0])",
}


def expectation(spec):
    """The generated method, and the compiled spec."""
    one = compile_spec(spec)
    lines = expected_metric(one.plan)
    assert lines is not None
    scope = dict(vars(load_module(one.module)))
    exec("\n".join(lines), _with_runtime(scope))
    return one, scope["expected"]


def _with_runtime(scope):
    from lossc.runtime import elements, ordering, undefined

    for module in (elements, ordering, undefined):
        for name, value in vars(module).items():
            scope.setdefault(name, value)
    return scope


def small_batches(one, count):
    """Batches with few comparisons, but some."""
    generator = torch.Generator().manual_seed(5)
    params = dict(one.plan.graph.params)
    least = least_sizes(one.spec, params)
    found = 0
    for number in range(400):
        kind = ("random", "tied", "masked")[number % 3]
        batch = make_batch(one.spec, params, kind, generator, least)
        if 1 <= len(one.comparisons(**batch.inputs)) <= MOST:
            yield batch
            found += 1
            if found == count:
                return
    assert found


def probabilities(families, flat):
    """One tensor a family: the stored binaries in flat order, complements at mirror images."""
    found, start = [], 0
    for family in families:
        u = torch.zeros(family.stored.shape, dtype=torch.float64)
        number = int(family.stored.sum())
        u[family.stored] = flat[start : start + number]
        start += number
        if family.mirrored:
            image = family.stored.transpose(-1, -2)
            u = torch.where(image & ~family.stored, 1 - u.transpose(-1, -2), u)
        found.append(u)
    return tuple(found)


def agrees_with_all_configurations(one, expected, batch):
    loss: nn.Module = one.loss(validate=False)
    inputs = loss.prepare(*batch.inputs.values())
    families = loss.families(*inputs)
    size = len(one.comparisons(**batch.inputs))
    generator = torch.Generator().manual_seed(size)
    u = torch.rand(size, generator=generator, dtype=torch.float64)
    configurations = torch.tensor(list(itertools.product((0.0, 1.0), repeat=size))).double()
    chances = torch.where(configurations == 1, u, 1 - u).prod(-1)
    values = loss.evaluate_binaries(configurations, *batch.inputs.values())
    found = expected(loss, probabilities(families, u), *inputs)
    assert_close(found, (chances * values).sum(), rtol=1e-10, atol=1e-12)
    # at a configuration, the expectation is the metric of that configuration
    for place in (0, len(values) // 3, len(values) - 1):
        corner = expected(loss, probabilities(families, configurations[place]), *inputs)
        assert_close(corner, values[place], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", CLOSED)
def test_the_closed_form_is_the_sum_over_all_configurations(name):
    one, expected = expectation(name)
    for batch in small_batches(one, 4):
        agrees_with_all_configurations(one, expected, batch)


@pytest.mark.parametrize("name", WRITTEN)
def test_polynomials_of_few_binaries(name):
    one, expected = expectation(f"spec written\n{WRITTEN[name]}")
    for batch in small_batches(one, 4):
        agrees_with_all_configurations(one, expected, batch)


@pytest.mark.parametrize("name", REFUSED)
def test_ratios_sorts_and_counted_comparisons_have_no_closed_form(name):
    plan = compile_spec(name).plan
    assert multilinear_extension(plan.graph, plan.families) is None


def test_dependent_products_are_refused():
    """Of (i, j) and (j, i), one is the complement of the other."""
    spec = "spec cycle\ninput score: real[n]\n"
    spec += "minimize prod[i, j | i != j] (1 + [score[i] beats score[j]])\ntruth score[i] = i"
    plan = compile_spec(spec).plan
    assert multilinear_extension(plan.graph, plan.families) is None


def test_no_bundled_metric_has_a_closed_form_that_is_not_tried_here():
    found = set()
    for name in specs.names():
        if read_and_build(name).goal != "loss":
            plan = compile_spec(name).plan
            if multilinear_extension(plan.graph, plan.families) is not None:
                found.add(name)
    assert found == set(CLOSED)


def test_the_extension_reads_like_the_metric():
    plan = compile_spec("accuracy").plan
    extension = multilinear_extension(plan.graph, plan.families)
    assert text(extension.root) == "mean[i] prod[j | j != label[i]] relaxed1[i, j] else 0"
    assert not extension.root.decided


def test_powers_of_a_bit_are_the_bit():
    a, b, x = sympy.symbols("a b x")
    assert reduced_polynomial(a**3 + (a + b) ** 2, [a, b]) == 2 * a + 2 * a * b + b
    assert reduced_polynomial(x * a**2, [a]) == a * x
    assert reduced_polynomial(1 / a, [a]) is None
    assert reduced_polynomial(x, []) == x
