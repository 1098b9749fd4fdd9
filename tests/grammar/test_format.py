import pytest
from hypothesis import Phase, given, settings

from lossc.grammar.document import read_yaml
from lossc.grammar.format import to_dsl, to_text, to_yaml
from lossc.grammar.parser import parse_expression, parse_specs
from lossc.grammar.source import Source, Span
from tests.grammar.trees import expressions, specs

# one seed a tree: there is nothing to shrink
quick = settings(
    max_examples=200, deadline=None, database=None, derandomize=True, phases=[Phase.generate]
)


def parse(text):
    source = Source("<test>", text)
    return parse_expression(text, lambda start, end: Span(source, start, end))


@quick
@given(expressions)
def test_an_expression_survives_its_text(tree):
    assert parse(to_text(tree)) == tree


@quick
@given(expressions)
def test_text_is_canonical(tree):
    assert to_text(parse(to_text(tree))) == to_text(tree)


@settings(quick, max_examples=60)
@given(specs)
def test_a_spec_survives_both_forms(spec):
    assert parse_specs(Source("<dsl>", to_dsl(spec))) == (spec,)
    assert read_yaml(Source("<yaml>", to_yaml(spec))) == spec


@pytest.mark.parametrize(
    "text",
    [
        "a + b * c",
        "(a + b) * c",
        "a - (b - c)",
        "a - b - c",
        "a^b^c",
        "(a^b)^c",
        "-a^2",
        "(-a)^2",
        "a^-2",
        "a / (b * c)",
        "2 * mean[i] x[i] * y[i]",
        "(mean[i] x[i]) * y",
        "-mean[i] x[i]",
        "a * -sum[i] x[i]",
        "a^(sum[i] x[i])",
        "sort[i | c[i]] -x[i] at r",
        "(sort[i] x[i] at r) * 2",
        "sum[i] (a + b)",
        "sum[i] a + b else 0",
        "(a else 0) + 1",
        "a else b else 0",
        "(a else b) else 0",
        "not a and b or c",
        "not (a and b)",
        "(not a) == b",
        "(a < b) == c",
        "[a < b or c]",
        "[(a else b)]",
        "count[i, j in 1..m | c] / k",
        "sum[g in values(group)] x",
        "f(a, (b, c), key = d else 0)",
        "max(a, b) - max[i in 0..n - 1] x[i]",
        "1.5 + 1e+30 + 1e-07 + 2.0",
    ],
)
def test_no_bracket_is_added_or_dropped(text):
    assert to_text(parse(text)) == text
