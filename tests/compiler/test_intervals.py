"""Between which numbers values lie: interval arithmetic, and what rounding makes of it."""

from __future__ import annotations

import math

import pytest

from lossc.compiler.build import build
from lossc.compiler.compile import compile_spec
from lossc.compiler.front.intervals import Intervals
from lossc.grammar.errors import SpecError
from lossc.grammar.load import load

HEAD = (
    "spec t\ninput x: real[n]\ninput z: real[n] in [-1, 3]\ninput c: bool[n]\n"
    "input k: int[n] in 5\ninput gain: target real[n] in [0, inf)\n"
    "param a = 2 in [1, 4]\nparam free = 2\n"
)


def interval(expression):
    """Of an expression of i, apart from what rounding in float32 may add."""
    graph = build(load(HEAD + f"loss sum[i] x[i] + sum[i] ({expression}) * x[i]"))
    (_, second) = graph.root.args
    found = Intervals(graph.spec).of(second.args[0].args[0])
    return tuple(round(end, 4) if math.isfinite(end) else end for end in found)


@pytest.mark.parametrize(
    ("expression", "low", "high"),
    [
        ("x[i]", -math.inf, math.inf),
        ("z[i]", -1, 3),
        ("z[i]^2", -math.inf, math.inf),  # powers are not followed
        ("abs(z[i])", 0, 3),
        ("abs(z[i] - 5)", 2, 6),
        ("-z[i]", -3, 1),
        ("2 * z[i] + 1", -1, 7),
        ("z[i] * z[i]", -3, 9),
        ("z[i] / a", -1, 3),
        ("z[i] / (a - 2)", -math.inf, math.inf),
        ("1 - sigmoid(x[i])", 0, 1),
        ("4 * tanh(x[i])", -4, 4),
        ("min(max(x[i], 0), 10)", 0, 10),
        ("max(x[i], 0)", 0, math.inf),
        ("max(gain[i], 1) * 2", 2, math.inf),
        ("min(gain[i], a)", 0, 4),
        ("min(gain[i], free)", -math.inf, math.inf),
        ("where(c[i], z[i], 7)", -1, 7),
        ("z[i] else 9", -1, 9),
        ("[c[i]] + k[i]", 0, 5),
        ("max[r in 1..3] r * z[i]", -3, 9),
        ("mean[j] z[j]", -1, 3),
        ("sum[j] z[j]", -math.inf, math.inf),
        ("floor(z[i] / 2)", -1, 1),
        ("sqrt(z[i] + 2)", 1, 2.2361),
        ("exp(z[i])", 0, math.inf),
        ("relu(z[i])", 0, 3),
    ],
)
def test_where_values_lie(expression, low, high):
    found = interval(expression)
    assert found == pytest.approx((low, high), abs=1e-4)


def test_a_quotient_may_round_beyond_its_end():
    """0.3 / 0.1 is 2.9999999999999996 in float64 and 3 in float32: a threshold more is asked."""
    one = compile_spec(
        "spec t\ninput x: real[n]\nevaluate mean[i] min(max(x[i], 0), 0.3) // 0.1 else 0"
    )
    assert "t in 1..3" in str(one.stages) or "1, 3 + 1" in one.source()
    assert one.check(210).ok


@pytest.mark.parametrize(
    ("expression", "hint"),
    [
        ("floor(x[i])", r"clamp it: floor\(min\(max\(x\[i\], 0\), 10\)\)"),
        ("ceil(exp(x[i]))", r"clamp it: ceil\(min\(max\(exp\(x\[i\]\), 0\), 10\)\)"),
        ("x[i] // 2", r"clamp it: min\(max\(x\[i\], 0\), 10\) // 2"),
        ("x[i] % 2", r"clamp it: min\(max\(x\[i\], 0\), 10\) % 2"),
        ("round(9999 * sigmoid(x[i]))", "at most 4,096 thresholds, not 9,999"),
    ],
)
def test_what_nothing_bounds_is_refused_with_the_clamp_to_write(expression, hint):
    with pytest.raises(SpecError, match=hint):
        compile_spec(f"spec t\ninput x: real[n]\nevaluate mean[i] {expression} else 0")
