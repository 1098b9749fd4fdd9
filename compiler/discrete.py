"""The registry of discrete operations: what each compares, how it is recomputed, its rewrite.

One entry a row of the refactoring table. The rewrites run in this order; the tests compile every
example and try it on a few hundred batches, so a new entry is tested by standing here.
"""

from __future__ import annotations

from dataclasses import dataclass

from lossc.compiler.passes import Pass
from lossc.compiler.passes.argmax_predicates import argmax_predicates
from lossc.compiler.passes.argmax_values import argmax_values
from lossc.compiler.passes.comparisons import comparisons
from lossc.compiler.passes.decided_places import decided_places
from lossc.compiler.passes.equal_places import equal_places
from lossc.compiler.passes.inline_decisions import inline_decisions
from lossc.compiler.passes.order_of_scores import order_of_scores
from lossc.compiler.passes.ranks import ranks
from lossc.compiler.passes.rounding import rounding
from lossc.compiler.passes.signs import signs


@dataclass(frozen=True)
class DiscreteOp:
    """One discrete operation on live values.

    Args:
        name: What people call it.
        written: How it stands in a spec.
        compared: Its comparison family.
        recomputed: Its outcome from the family's binaries.
        refactor: The rewrite that finds it.
        example: The body of a small spec that uses it, with its inputs.
    """

    name: str
    written: str
    compared: str
    recomputed: str
    refactor: Pass
    example: str


_CLASSES = "input scores: real[n, p]\ninput label: int[n] in p\n"
_RANKING = "input score: real[n]\ninput relevant: bool[n]\n"
_SEPARATED = "truth score[i] = where(relevant[i], 3, -3)\n"
_TRUE_CLASS = "truth scores[i, j] = [j == label[i]]\n"

DISCRETE_OPS: tuple[DiscreteOp, ...] = (
    DiscreteOp(
        "score at a decided place",
        "s[k] > t, where k is a decision",
        "s[a] - t for every a, and what decides k",
        "some a is k and its score is above t",
        decided_places,
        _CLASSES
        + "param t = 0.5\n"
        + "decode predicted[i] = argmax[j] scores[i, j]\n"
        + "evaluate mean[i] [predicted[i] == label[i] and scores[i, predicted[i]] > t] else 0\n"
        + "truth scores[i, j] = 5 * [j == label[i]]\n",
    ),
    DiscreteOp(
        "predicate of argmax",
        "P(argmax[a] s[a])",
        "s[a] - s[b], every a with P(a), every b without",
        "some a beats every b",
        argmax_predicates,
        _CLASSES
        + "decode predicted[i] = argmax[j] scores[i, j]\n"
        + "evaluate mean[i] [abs(predicted[i] - label[i]) <= 1] else 0\n",
    ),
    DiscreteOp(
        "class of argmax",
        "(argmax[a] s[a]) == e",
        "s[e] - s[b], every b but e",
        "e beats every b",
        argmax_predicates,
        _CLASSES
        + "decode predicted[i] = argmax[j] scores[i, j]\n"
        + "evaluate mean[i] [predicted[i] == label[i]] else 0\n",
    ),
    DiscreteOp(
        "value of argmax",
        "F(argmax[a] s[a])",
        "all pairs",
        "the sum of F(a) over the winner",
        argmax_values,
        _CLASSES
        + "decode predicted[i] = argmax[j] scores[i, j]\n"
        + "minimize mean[i] (predicted[i] - label[i])^2 else 0\n"
        + _TRUE_CLASS,
    ),
    DiscreteOp(
        "order statistic, median",
        "sort[i] s[i] at r > t",
        "s[i] - t",
        "fewer than r are not above t",
        order_of_scores,
        _RANKING + "evaluate [(sort[i | relevant[i]] score[i] at 2) >= 0.5]\n",
    ),
    DiscreteOp(
        "median",
        "sort[i] s[i] at r, as a value",
        "s[i] - s[k], every pair once",
        "the score of the item with r - 1 items below it, which keeps its gradient",
        order_of_scores,
        _RANKING
        + "let m = count[i | relevant[i]]\n"
        + "evaluate (sort[i | relevant[i]] sigmoid(score[i]) at ((m + 1) // 2)) else 0\n"
        + _SEPARATED,
    ),
    DiscreteOp(
        "rank",
        "rank[j | X[j]] s[j] at i",
        "s[j] - s[i], every j with X[j]",
        "1 + the count; a tie is won by the item that comes first",
        ranks,
        _RANKING + "evaluate mean[i | relevant[i]] 1 / (rank[j] score[j] at i) else 0\n",
    ),
    DiscreteOp(
        "floor, buckets",
        "floor(x), x // c",
        "x - t for every threshold t",
        "the number of thresholds passed",
        rounding,
        _RANKING + "evaluate mean[i | relevant[i]] floor(sigmoid(score[i]) * 4) else 0\n",
    ),
    DiscreteOp(
        "ceil",
        "ceil(x)",
        "x - t for every threshold t",
        "the number of thresholds passed",
        rounding,
        _RANKING + "evaluate mean[i | relevant[i]] ceil(min(max(score[i], -1), 2)) else 0\n",
    ),
    DiscreteOp(
        "round",
        "round(x)",
        "x - (t - 1/2) for every whole t",
        "the number of thresholds passed; a half passes to an even t",
        rounding,
        _RANKING + "evaluate mean[i | relevant[i]] round(min(max(score[i], -1), 2)) else 0\n",
    ),
    DiscreteOp(
        "remainder",
        "x % c",
        "x - t c for every whole t",
        "x - c times the number of thresholds passed; x keeps its gradient",
        rounding,
        _RANKING
        + "minimize mean[i | relevant[i]] min(max(score[i], 0), 3) % 0.75 else 0\n"
        + _SEPARATED,
    ),
    DiscreteOp(
        "sign",
        "sign(x)",
        "x - 0 and 0 - x",
        "[x > 0] - [0 > x]",
        signs,
        _RANKING + "evaluate mean[i | relevant[i]] sign(score[i]) else 0\n",
    ),
    DiscreteOp(
        "comparison, threshold",
        "x > y, x >= t",
        "x - y; y - x",
        "the binary; its complement",
        comparisons,
        _RANKING + "param t = 0.5\n" + "evaluate mean[i | relevant[i]] [score[i] >= t] else 0\n",
    ),
    DiscreteOp(
        "equality",
        "x == y",
        "x - y and y - x",
        "1 - [x > y] - [y > x]",
        comparisons,
        _RANKING
        + "evaluate mean[i, j | relevant[i] and not relevant[j]]\n"
        + "  ([score[i] > score[j]] + 0.5 * [score[i] == score[j]]) else 0.5\n",
    ),
    DiscreteOp(
        "rank, top-k, count of better items",
        "sum[j] [s[j] beats s[i]]",
        "s[j] - s[i], each pair once",
        "the count; a tie is won by the item that comes first",
        comparisons,
        _RANKING
        + "let place[i] = 1 + sum[j] [score[j] beats score[i]]\n"
        + "evaluate mean[i | relevant[i]] [place[i] <= 3] else 0\n",
    ),
)

PASSES: tuple[Pass, ...] = (
    inline_decisions,
    equal_places,
    *dict.fromkeys(operation.refactor for operation in DISCRETE_OPS),
)
