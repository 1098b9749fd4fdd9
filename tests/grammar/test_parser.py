"""The DSL: what parses, to which tree, and where its parts stand."""

from __future__ import annotations

from math import inf
from pathlib import Path

import pytest

from lossc import specs
from lossc.grammar import syntax as ast
from lossc.grammar.errors import SpecError
from lossc.grammar.load import load
from lossc.grammar.parser import parse_expression, parse_option, parse_specs
from lossc.grammar.source import Source, Span

LIBRARY = parse_specs(
    Source("library.lossc", (Path(__file__).parent / "library.lossc").read_text(encoding="utf-8"))
)
HEAD = "spec t\ninput x: real[n, p]\n"


def parse(text: str) -> ast.Expr:
    source = Source("<test>", text)
    return parse_expression(text, lambda start, end: Span(source, start, end))


def spec(text: str) -> ast.Spec:
    (found,) = parse_specs(Source("<test>", HEAD + text))
    return found


NAMED = {each.name.id for each in LIBRARY}


def test_the_whole_library_parses() -> None:
    assert len(LIBRARY) == 46
    assert LIBRARY[0].name.id == "accuracy"


def test_the_whole_library_is_bundled() -> None:
    assert NAMED - set(specs.names()) == {"adaptive_h1_written_out"}  # a form of adaptive_h1


@pytest.mark.parametrize("name", sorted(NAMED & set(specs.names())))
def test_bundled_specs_take_what_the_library_names(name: str) -> None:
    """They may take more, such as a group; what they mean is tested in tests/specs."""
    bundled = load(name)
    written = next(each for each in LIBRARY if each.name.id == name)
    assert bundled.name.id == specs.path(name).stem == name
    inputs = [entry.name.id for entry in written.inputs]
    assert [entry.name.id for entry in bundled.inputs][: len(inputs)] == inputs
    assert {param.name.id for param in written.params} <= {p.name.id for p in bundled.params}
    assert bundled.goal.kind == written.goal.kind


@pytest.mark.parametrize(
    ("text", "brackets"),
    [
        ("a + b * c", "a + (b * c)"),
        ("a - b - c", "(a - b) - c"),
        ("a / b / c", "(a / b) / c"),
        ("a^b^c", "a^(b^c)"),
        ("-a^2", "-(a^2)"),
        ("a^-b", "a^(-b)"),
        ("-a * b", "(-a) * b"),
        ("a // b % c", "(a // b) % c"),
        ("not a == b", "not (a == b)"),
        ("not a and b", "(not a) and b"),
        ("a or b and c", "a or (b and c)"),
        ("a < b and c beats d", "(a < b) and (c beats d)"),
        ("a else b else c", "a else (b else c)"),
        ("a or b else c", "(a or b) else c"),
        ("mean[i] a * b + c", "(mean[i] (a * b)) + c"),
        ("mean[i] -a^2 / b", "mean[i] ((-(a^2)) / b)"),
        ("mean[i] a == b", "(mean[i] a) == b"),
        ("mean[i] a else b", "(mean[i] a) else b"),
        ("a * sum[i] b * c", "a * (sum[i] (b * c))"),
        ("sum[i] max[j] a * b - c", "(sum[i] (max[j] (a * b))) - c"),
        ("-sum[i] a * b", "-(sum[i] (a * b))"),
        ("count[i] * 2 + 1", "((count[i]) * 2) + 1"),
        ("sort[i] -a * b at r - 1", "(sort[i] ((-a) * b) at r) - 1"),
        ("sort[i] sum[j] a at r", "sort[i] (sum[j] a) at r"),
        ("max(a, b) * max[i] a", "(max(a, b)) * (max[i] a)"),
        ("[a > b] * 2", "([a > b]) * 2"),
    ],
)
def test_precedence(text: str, brackets: str) -> None:
    assert parse(text) == parse(brackets)


@pytest.mark.parametrize(
    "text",
    [
        "lambda + class * import",
        "sum + mean - count * rank",
        "target[i] + real * int - bool",
        "max (a, b)",
        "sum # a comment\n  [i] x[i]",
        "sum[r in 1..2] r",
    ],
)
def test_only_the_words_of_the_language_are_reserved(text: str) -> None:
    parse(text)


def test_a_tree_in_full() -> None:
    tree = parse("count[i, r in 1..m | c[i]]")
    assert isinstance(tree, ast.Reduction)
    assert (tree.op, tree.body) == ("count", None)
    first, second = tree.binders
    assert (first.name.id, first.range) == ("i", None)
    assert isinstance(second.range, ast.Interval)
    assert tree.filter == parse("c[i]")


def test_numbers_keep_their_type() -> None:
    for text, value in [("1", 1), ("1.0", 1.0), ("1e3", 1000.0), ("2.", 2.0), ("0.1", 0.1)]:
        tree = parse(text)
        assert isinstance(tree, ast.Number)
        assert (tree.value, type(tree.value)) == (value, type(value))


def test_statements() -> None:
    found = spec(
        r"""
        doc "A \"quoted\" \\ doc\nof two lines"
        use other use auroc as area
        input y, z: target int[n, 2] in p ignore skip = -1
        input flag: bool
        param k = -0.5 in (-inf, 1] param mode = "a b" param word = published
        truth x[i, j] = 1
        let f[r in 1..n] = r
        decode d = argmax[j] x[0, j]
        term one = f(y)
        maximize x[0, 0]
        surrogate interpolation idw(good = 8, squash = sigmoid(at_ = "low"), gradient = exact)
        surrogate squash sigmoid
        schedule warmup(first = cross_entropy, epochs = 5)
        """
    )
    assert found.doc == 'A "quoted" \\ doc\nof two lines'
    assert [(use.name.id, use.alias and use.alias.id) for use in found.uses] == [
        ("other", None),
        ("auroc", "area"),
    ]
    _, y, z, flag = found.inputs
    assert y.kind == z.kind
    assert (y.kind.type, y.kind.target, y.kind.default, y.kind.live) == ("int", True, -1, False)
    assert [dim.size for dim in y.kind.dims] == ["n", 2]
    assert y.kind.below is not None
    assert y.kind.ignore is not None
    assert (y.kind.below.size, y.kind.ignore.id) == ("p", "skip")
    assert flag.kind.dims == ()
    k, mode, word = found.params
    assert k.range is not None
    assert (k.default, k.range.low, k.range.high) == (-0.5, float("-inf"), 1.0)
    assert (k.range.closed_low, k.range.closed_high) == (False, True)
    assert (mode.default, word.default) == ("a b", "published")
    assert [definition.kind for definition in found.definitions] == ["decode", "let", "truth"]
    assert found.goal.kind == "evaluate"
    option = found.surrogates[0].option
    assert option.name == "idw"
    assert [key for key, _ in option.arguments] == ["good", "squash", "gradient"]
    assert isinstance(dict(option.arguments)["squash"], ast.Option)
    assert found.schedules[0].option.arguments == (("first", "cross_entropy"), ("epochs", 5))


def test_spans_cover_their_constructs() -> None:
    found = spec("let a[i] = (x[i, 0] + 1) * sum[j] x[i, j]\nevaluate mean[i] [a[i] > 0] else 0\n")
    (a,) = found.definitions
    assert a.span.text == "let a[i] = (x[i, 0] + 1) * sum[j] x[i, j]"
    assert (a.span.line, a.span.column) == (3, 1)
    assert a.name.span.text == "a"
    body = a.body
    assert isinstance(body, ast.Arithmetic)
    assert body.span.text == "(x[i, 0] + 1) * sum[j] x[i, j]"
    assert body.left.span.text == "x[i, 0] + 1"
    assert body.right.span.text == "sum[j] x[i, j]"
    goal = found.goal.body
    assert isinstance(goal, ast.Else)
    assert goal.value.span.text == "mean[i] [a[i] > 0]"
    assert (goal.span.line, goal.span.column) == (4, 10)
    assert found.inputs[0].kind.span.text == "real[n, p]"


def test_options_from_python() -> None:
    option = parse_option("idw(good=8, gradient=published, squash=sigmoid)")
    assert option.arguments == (("good", 8), ("gradient", "published"), ("squash", "sigmoid"))
    assert parse_option("sigmoid()") == parse_option("sigmoid")
    with pytest.raises(SpecError, match="<option>:1:5"):
        parse_option("idw(8)")


def test_all_findings_come_in_one_run() -> None:
    with pytest.raises(SpecError) as caught:
        spec("let a = \nlet b = [\nlet c = 1 +\nlet d = 'x'\nevaluate x[0, 0]\n" * 8)
    assert len(caught.value.diagnostics) > 30
    assert str(caught.value).endswith("more errors")
    lines = [each.span.line for each in caught.value.diagnostics if each.span]
    assert lines == sorted(lines)


def test_line_ends_and_marks_do_not_matter() -> None:
    text = HEAD + "evaluate\tmean[i]\n  x[i, 0]\n"
    (unix,) = parse_specs(Source("a", text))
    assert parse_specs(Source("b", text.replace("\n", "\r\n"))) == (unix,)
    assert parse_specs(Source("c", "\ufeff" + text)) == (unix,)
    assert parse_specs(Source("d", text.replace("\n", " "))) == (unix,)


def test_an_example_has_nested_numbers_words_and_a_value() -> None:
    parsed = spec(
        'evaluate 1 example x = [[0.5, -1], [inf, 2]], k = 3, mode = background, other = "a b" '
        "gives -inf example x = [] gives 1e-3"
    )
    first, second = parsed.examples
    given = {name.id: array for name, array in first.inputs}
    assert given == {"x": ((0.5, -1), (inf, 2)), "k": 3, "mode": "background", "other": "a b"}
    assert first.value == -inf
    assert first.inputs[1][0].span.text == "k"
    assert first.span.text.startswith("example x") and first.span.text.endswith("-inf")
    assert [(name.id, array) for name, array in second.inputs] == [("x", ())]
    assert second.value == 1e-3


def test_gives_is_a_name_outside_of_examples() -> None:
    parsed = spec(
        "input gives: bool[n] example x = 1 gives 2 let a = gives[i] let b = count[gives] "
        "evaluate gives + gives"
    )
    assert parsed.inputs[1].name.id == "gives"
    assert parsed.examples[0].value == 2
    with pytest.raises(SpecError, match="expected: a name"):
        spec("evaluate 1 example gives = 1 gives 2")


@pytest.mark.parametrize(
    ("text", "low", "high", "closed"),
    [
        ("[0, 1]", 0, 1, (True, True)),
        ("(0, inf)", 0, inf, (False, False)),
        ("[-inf, -1.5)", -inf, -1.5, (True, False)),
        ("(-1, 1]", -1, 1, (False, True)),
    ],
)
def test_a_real_input_has_a_range(text: str, low: float, high: float, closed: object) -> None:
    parsed = spec(f"input g: target real[n] in {text} = 0.5 input h: int[n] in p evaluate 1")
    kind = parsed.inputs[1].kind
    assert kind.range is not None and kind.below is None and kind.default == 0.5
    assert (kind.range.low, kind.range.high) == (low, high)
    assert (kind.range.closed_low, kind.range.closed_high) == closed
    assert kind.range.span.text == text
    below = parsed.inputs[2].kind
    assert below.range is None and below.below is not None
