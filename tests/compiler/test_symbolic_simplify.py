"""Simplified metrics: shorter, and equal wherever the metric is defined, undefined elsewhere."""

from __future__ import annotations

import pytest
import sympy
import torch
from torch.testing import assert_close

from lossc import specs
from lossc.compiler.build import read_and_build
from lossc.compiler.compile import compile_spec
from lossc.compiler.ir.text import text
from lossc.compiler.plan import make_plan
from lossc.compiler.stages import definitions
from lossc.compiler.symbolic.atoms import Signs
from lossc.compiler.symbolic.simplify import cost, simplified

HEAD = "spec one\ninput score: real[n]\ninput weight: target real[n]\ninput relevant: bool[n]\n"
COUNTS = (
    "let a = count[i | relevant[i]]\nlet b = sum[i] [weight[i] > 0]\n"
    "let won = sum[i | relevant[i]] [score[i] > 0]\n"
)


def of(body):
    graph = read_and_build(f"{HEAD}{COUNTS}evaluate won + {body} else 7")
    root = graph.root.args[0].args[1]
    return text(simplified(root, graph.make, Signs(graph.spec, graph.params)))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("(1 + a - 1 - won)", "a - won"),
        ("(a - (b - a) + a)", "3 * a - b"),
        ("(won + won + won)", "3 * won"),
        ("(0.5 * a + 0.5 * won)", "0.5 * (a + won)"),
        ("(sum[i | relevant[i]] 3 * weight[i])", "3 * sum[i | relevant[i]] weight[i]"),
        (
            "((sum[i | relevant[i]] 0.5) + 0.5 * b + 0.5 * won)",
            "0.5 * (count[i | relevant[i]] + b + won)",
        ),
        ("(a - a)", "0"),
        ("((2 * won) / (2 * a))", "won / a"),
    ],
)
def test_sums_and_products_get_shorter(before, after):
    assert of(before) == after


@pytest.mark.parametrize(
    "body",
    [
        "(a / a)",  # undefined where a is 0
        "((won * a) / (won * b))",  # and where won is
        "((won / a) - (won / a) + b)",  # what may be undefined does not drop out
        "(a * (won / a))",
        "((sum[i] weight[i]) - (sum[i] weight[i]))",  # infinity less infinity is no number
    ],
)
def test_what_may_be_undefined_stays(body):
    assert of(body).replace("(", "").replace(")", "").count("/") == body.count("/")
    if "weight" in body:
        assert of(body).count("weight") >= 1


@pytest.mark.parametrize(
    ("body", "value"),
    [("a / a", 7.0), ("won / a - won / a", 7.0), ("a * (won / a)", 7.0), ("(a - a) * won", 0.0)],
)
def test_else_still_sees_the_empty_case(body, value):
    spec = f"{HEAD}{COUNTS}evaluate (won + {body}) else 7\ntruth score[i] = 1"
    one = compile_spec(spec)
    inputs = (torch.ones(3), torch.ones(3), torch.zeros(3, dtype=torch.bool))
    assert one.metric(*inputs).item() == value
    assert one.refactored(*inputs).item() == value


def defined_in(name):
    """The definitions of a metric over its row counts, as text."""
    plan = make_plan(read_and_build(name))
    return {key.split("[")[0]: text(node.args[0]) for key, node in definitions(plan.root)}


def test_bundled_metrics_that_get_shorter():
    """The place of an item, counted from the other end: all less those that it beats."""
    place = "count[j | group[j] == group[i]] - wins1[i]"
    for name in ("precision_at_k", "reciprocal_rank"):
        assert defined_in(name)["place"] == place
    assert defined_in("auroc")["balance"].startswith("(wins1[i] + wins2[i] - count[j")


@pytest.mark.parametrize("name", [n for n in specs.names() if "kappa" in n or "f" in n][:6])
def test_a_simplified_metric_is_no_longer_and_stays_so(name):
    graph = read_and_build(name)
    if graph.goal == "loss":
        pytest.skip("a loss")
    plan = make_plan(graph)
    again = simplified(plan.root, graph.make, plan.signs)
    assert cost(again) == cost(plan.root)


def test_values_are_equal_to_rounding():
    """Shortened by hand and by us; the compile itself tries this on every batch."""
    body = "0.25 * a + 0.25 * won - (0.5 - 0.25 * b)"
    one = compile_spec(f"{HEAD}{COUNTS}evaluate {body}\ntruth score[i] = 1")
    relevant = torch.tensor([True, False, True, True])
    score = torch.tensor([1.0, -1.0, -2.0, 3.0])
    a, b, won = 3, 2, 2
    wanted = sympy.Rational(1, 4) * (a + b + won) - sympy.Rational(1, 2)
    assert_close(one.refactored(score, score, relevant), torch.tensor(float(wanted)))
