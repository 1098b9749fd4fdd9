"""Large, deep and out-of-range specs are refused at their place, and compile soon if not."""

from __future__ import annotations

import time

import pytest

from lossc.compiler.build import build
from lossc.compiler.compile import compile_spec
from lossc.compiler.discrete import PASSES
from lossc.compiler.symbolic.atoms import Signs
from lossc.compiler.symbolic.directions import directions
from lossc.grammar.errors import SpecError
from lossc.grammar.load import load

BINARY = "spec t\ninput score: real[n]\ninput relevant: bool[n]\n"
CLASSES = "spec t\ninput scores: real[n, p]\ninput label: int[n] in p\n"
PREDICTED = CLASSES + "decode predicted[i] = argmax[j] scores[i, j]\n"
RECALL = "evaluate mean[i | relevant[i]] [score[i] > 0] else 0\n"
SECONDS = 5.0  # generous: the machine may be busy


def refused(text: str) -> list[tuple[str, str]]:
    begin = time.perf_counter()
    with pytest.raises(SpecError) as caught:
        build(load(text))
    assert time.perf_counter() - begin < SECONDS
    assert all(each.span is not None for each in caught.value.diagnostics)
    return [(each.rule, str(each)) for each in caught.value.diagnostics]


def refactored(text: str):
    graph = build(load(text))
    for rewriting in PASSES:
        graph = rewriting(graph)
    return graph


def chain(count: int, op: str) -> str:
    first = "let a0 = mean[i | relevant[i]] [score[i] > 0] else 0\n"
    lets = [f"let a{k + 1} = a{k} {op}\n".replace("SELF", f"a{k}") for k in range(count)]
    return BINARY + first + "".join(lets) + f"evaluate a{count}\n"


@pytest.mark.parametrize(("count", "op"), [(25, "+ SELF"), (20, "* SELF"), (98, "+ 1")])
def test_shared_and_deep_definitions_are_walked_once(count, op):
    begin = time.perf_counter()
    graph = refactored(chain(count, op))
    ways = directions(graph.root, Signs(graph.spec, graph.params))
    assert set(ways.values()) == {1}
    assert time.perf_counter() - begin < SECONDS


@pytest.mark.parametrize("body", [" + ".join, " * ".join])
def test_many_decided_terms_have_directions_soon(body):
    terms = [f"(mean[i | relevant[i]] [score[i] > {k}] else 0)" for k in range(40)]
    begin = time.perf_counter()
    graph = refactored(BINARY + f"evaluate {body(terms)}\n")
    ways = directions(graph.root, Signs(graph.spec, graph.params))
    assert set(ways.values()) == {1} and len(ways) == 40
    assert time.perf_counter() - begin < SECONDS


INPUT = BINARY + "input more: target real[{}]\n" + RECALL
REFUSED = {
    "lets": (chain(300, "+ 1"), "too-large"),
    "a point": (
        BINARY + f"let a = ({', '.join(['1'] * 17)})\n" + RECALL,
        "too-large",
    ),
    "a point of a dim": (
        INPUT.format("n, 17").replace(
            "evaluate", "let d[i] = distance(more[i], more[i])\nevaluate"
        ),
        "too-large",
    ),
    "a range": (BINARY + "evaluate mean[i, r in 1..4097] [score[i] > r] else 0", "too-large"),
    "a dim": (INPUT.format("65537"), "too-large"),
    "items": (INPUT.format("65536, 512"), "too-large"),
    "dims": (INPUT.format("a, b, c, d, e, f, g, h, o"), "too-large"),
    "indices": (
        BINARY
        + "evaluate mean[a, b, c, d, e, f, g, h, i] ["
        + " + ".join(f"score[{c}]" for c in "abcdefghi")
        + " > 0] else 0",
        "too-large",
    ),
    "values": (
        BINARY + "evaluate mean[i, a in 1..4096, b in 1..4096, c in 1..2] "
        "[score[i] > a + b + c] else 0",
        "too-large",
    ),
    "let powers": (BINARY + "let a = 9^9\nlet b = 9^a\n" + RECALL, "bad-number"),
    "dim powers": (BINARY + "let b = n^n^n\n" + RECALL, "bad-number"),
    "a large exponent": (BINARY + "let b = n^300\n" + RECALL, "bad-number"),
    "param powers": (BINARY + "param a = 400\nlet b = 10^a\n" + RECALL, "bad-number"),
    "powers of powers": (BINARY + "let b = n^64\nlet c = b^64\n" + RECALL, "bad-number"),
    "exp": (BINARY + "let b = exp(1000)\n" + RECALL, "bad-number"),
    "log": (BINARY + "let b = log(0)\n" + RECALL, "bad-number"),
    "a negative subscript": (CLASSES + "evaluate mean[i] [scores[i, -1] > 0]", "dim-clash"),
    "beyond a fixed dim": (
        BINARY + "input a: real[n, 2]\nevaluate mean[i] [a[i, 5] > score[i]]",
        "dim-clash",
    ),
    "before a range": (
        BINARY + "let f[r in 1..3] = mean[i] [score[i] > r]\nevaluate f[0]",
        "dim-clash",
    ),
    "beyond a range": (
        BINARY + "let f[r in 1..3] = mean[i] [score[i] > r]\nevaluate f[9]",
        "dim-clash",
    ),
    "an int without a range": (
        BINARY + "input k: int[n]\nevaluate mean[i] [score[k[i]] > 0]",
        "wrong-kind",
    ),
    "an index of two dims": (
        PREDICTED + "evaluate mean[c | any[i] [label[i] == c]] "
        "(mean[i | label[i] == c] [predicted[c] == c]) else 0",
        "dim-clash",
    ),
    "ints of two dims": (
        CLASSES
        + "input more: real[q]\ninput other: int[n] in q\nevaluate mean[i | label[i] == other[i]] "
        "[scores[i, 0] > 0]",
        "dim-clash",
    ),
    "a loss of a decision": (BINARY + "loss argmax[i] score[i]", "not-live"),
    "a detached loss": (BINARY + "loss mean[i] detach(score[i])", "not-live"),
    "an unknown name": (BINARY + "evaluate mean[i] [scor[i] > 0]", "unknown-name"),
    "an arity": (BINARY + "evaluate mean[i] [score[i, i] > 0]", "wrong-arity"),
    "a range's start": (BINARY + "evaluate mean[i, r in 0.5..3] [score[i] > r]", "no-range"),
    "a term": (BINARY + "term a = mean[i] score[i]\nevaluate [score[0] > 0]", "bad-term"),
    "a body that ends early": (
        BINARY + "evaluate [all[i | relevant[i]] score[i] > 0]",
        "wrong-kind",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_located_errors_of_one_rule(name):
    text, rule = REFUSED[name]
    assert {found for found, _ in refused(text)} == {rule}


def test_hints():
    ((_, early),) = refused(REFUSED["a body that ends early"][0])
    assert "write `all[i | relevant[i]] [score[i] > 0]`" in early
    ((_, unknown),) = refused(BINARY + "evaluate mean[i, r] [score[i] > r]")
    assert "i in p" in unknown
    ((_, target),) = refused("spec t\ninput a: target real[n]\nevaluate mean[i] [a[i] > 0]")
    assert "declare the input `real`" in target


@pytest.mark.parametrize(
    "text",
    [
        CLASSES + "evaluate mean[i] [scores[i, 12] > 0] else 0",
        BINARY + "evaluate [score[0] > 0]",
        PREDICTED + "let r[c] = mean[i | label[i] == c] [predicted[i] == c]\n"
        "evaluate mean[c | any[i] [label[i] == c]] r[c] else 0",
        BINARY + "param k = 3 in [1, 8]\nevaluate mean[i] [score[i] > n^k / (n^2 + 1)] else 0",
        CLASSES + "loss mean[i] scores[i, argmax[j] scores[i, j]]",
        BINARY + "evaluate [argmax[i] score[i] == 0]",
        BINARY + "evaluate mean[i, r in 1..3] [i == r] * [score[i] > 0] else 0",
    ],
)
def test_still_compiles(text):
    compile_spec(text)


@pytest.mark.parametrize("name", ["an unknown name", "an arity", "a range's start", "a term"])
def test_no_error_follows_from_another(name):
    assert len(refused(REFUSED[name][0])) == 1
