"""The YAML form: the same specs, at the places where the file has them."""

from __future__ import annotations

import json

import pytest

from lossc.grammar import syntax as ast
from lossc.grammar.document import json_schema, read_tree, read_yaml
from lossc.grammar.errors import SpecError
from lossc.grammar.parser import parse_specs
from lossc.grammar.source import Source
from tests.grammar.test_parser import LIBRARY

HEAD = "lossc: 1\nname: t\ninputs:\n  x: real[n, p]\n"


def read(text: str) -> ast.Spec:
    return read_yaml(Source("t.yaml", text))


def dsl(text: str) -> ast.Spec:
    (spec,) = parse_specs(Source("t.lossc", text))
    return spec


ACCURACY = """\
lossc: 1
name: accuracy
doc: Top-1 accuracy.
inputs:
  scores: real[n, p]
  label: int[n] in p
decode:
  predicted[i]: argmax[j] scores[i, j]
evaluate: mean[i] [predicted[i] == label[i]] else 0
truth:
  scores[i, j]: "[j == label[i]]"
surrogate:
  step: {kind: sigmoid, temperature: 1}
  interpolation: {kind: idw, good: 16, bad: 16, nearby: 16}
"""


def test_both_forms_are_one_spec() -> None:
    assert read(ACCURACY) == LIBRARY[0]


def test_everything_in_both_forms() -> None:
    yaml = """\
# a comment
lossc: 1
name: "t"
doc: |
  Two lines: "quoted" \\ and # not a comment.

  Indeed.
source: 'somebody''s paper'
use: [other, auroc as area]
inputs:
  x: real[n, p]
  on: target int[n, 2] in p ignore skip = -1
params:
  k: 5
  alpha: -0.5 in (-inf, 1]
  mode: background
  text: {default: "0.5"}
  beta: {default: 1e-3, in: "[0, 1)"}
let:
  f[r in 1..n]: |
    r   # a comment of the language
      + 1
  g: x[0, 0]
    * 2
terms:
  yes: f[1]
combine: 'yes + g'
surrogate:
  step: sigmoid(temperature = 2)
  memory: {kind: queue, size: 64, inner: {kind: a}, text: "f(x)", word: f(x = 1), flag: true}
schedule:
  - warmup(first = bce, epochs = 5)
  - {kind: decay, rate: 0.5}
"""
    text = r"""
spec t
doc "Two lines: \"quoted\" \\ and # not a comment.\n\nIndeed.\n"
source "somebody's paper"
use other use auroc as area
input x: real[n, p]
input on: target int[n, 2] in p ignore skip = -1
param k = 5
param alpha = -0.5 in (-inf, 1]
param mode = background
param text = "0.5"
param beta = 1e-3 in [0, 1)
let f[r in 1..n] = r + 1
let g = x[0, 0] * 2
term yes = f[1]
combine yes + g
surrogate step sigmoid(temperature = 2)
surrogate memory queue(size = 64, inner = a(), text = "f(x)", word = f(x = 1), flag = true)
schedule warmup(first = bce, epochs = 5)
schedule decay(rate = 0.5)
"""
    assert read(yaml) == dsl(text)


def test_scalars_follow_the_core_schema() -> None:
    for word in ("on", "yes", "no", "off", "y", "1_000", "1:30"):
        spec = read(f"{HEAD}doc: {word}\nevaluate: x\n")
        assert spec.doc == word
    for word in ("true", "null", "1.5", "0x1F", "0o17", ".inf", "010", "~"):
        with pytest.raises(SpecError, match="`doc` is"):
            read(f"{HEAD}doc: {word}\nevaluate: x\n")


@pytest.mark.parametrize(
    "value",
    [
        "mean[i] [x[i, 0] > MARK[i]]",
        '"mean[i] [x[i, 0] > MARK[i]]"',
        "'mean[i] [x[i, 0] > MARK[i]]'",
        '"say \\"mean\\" == \\x41 * MARK"',
        "'f(''a'', ''b'') + MARK'",
        "|\n  mean[i]\n\n    [x[i, 0] > MARK[i]]",
        "|2-\n   mean[i]\n  MARK[i]",
        "mean[i]\n  [x[i, 0] >\n\n   MARK[i]]",
        '"mean[i]\n  [x[i, 0] > \\\n   MARK[i]]"',
        "   mean[i]   x[i, 0] * MARK  # a comment",
    ],
)
def test_places_inside_scalars(value: str) -> None:
    """The mark is an illegal character: its finding shows where the reader thinks it stands."""
    for ends in ("\n", "\r\n"):
        text = f"{HEAD}evaluate: {value}\n".replace("\n", ends).replace("MARK", "§")
        with pytest.raises(SpecError) as caught:
            read(text)
        (finding,) = [each for each in caught.value.diagnostics if "§" in each.message]
        assert finding.span is not None
        assert finding.span.start == text.index("§")
        assert finding.span.text == "§"


def test_spans_of_statements() -> None:
    spec = read(HEAD + 'let:\n  a[i]: "x[i, 0] + 1"\nevaluate: mean[i] a[i]\n')
    (a,) = spec.definitions
    assert (a.span.line, a.span.column) == (6, 3)
    assert a.name.span.text == "a"
    assert a.body.span.text == "x[i, 0] + 1"
    assert spec.goal.body.span.text == "mean[i] a[i]"


def test_findings_of_shape_and_of_expressions_come_together() -> None:
    with pytest.raises(SpecError) as caught:
        read(HEAD + "doc: 5\nother: 1\nlet:\n  a: 1 +\n  b: [1]\nevaluate: x x\n")
    rules = [each.rule for each in caught.value.diagnostics]
    assert rules == ["bad-document", "unknown-key", "syntax", "swallowed-expression", "syntax"]


def test_the_schema_is_json_and_knows_the_keys() -> None:
    schema = json.loads(json.dumps(json_schema()))
    assert {"lossc", "name", "inputs", "decode", "evaluate", "surrogate"} <= set(
        schema["properties"]
    )
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["lossc", "name"]  # `use` may bring all inputs


def test_the_size_of_a_queue_may_stand_alone() -> None:
    fields = (
        "lossc: 1\nname: t\ninputs:\n  x: real[n]\nloss: sum[i] x[i]\nsurrogate:\n  memory: %s\n"
    )
    text = "spec t\ninput x: real[n]\nloss sum[i] x[i]\nsurrogate memory %s\n"
    expected = dsl(text % "queue(size = 64)")
    assert dsl(text % "queue(64)") == expected
    assert read(fields % "queue(64)") == expected


@pytest.mark.parametrize("text", [".5", "-.5", "5.", "1e-3", "-1.5E3", "+0.25", "07", "0x1F"])
def test_numbers_are_those_of_another_reader(text):
    root = read_tree(Source("x.yaml", f"a: {text}"))
    expected = int(text, 0) if text.startswith("0x") else float(text)
    assert root.value == {"a": expected}


@pytest.mark.parametrize("text", [".inf", "-.Inf", "+.INF"])
def test_infinities(text):
    root = read_tree(Source("x.yaml", f"a: {text}"))
    assert root.value == {"a": float(text.replace(".", ""))}
