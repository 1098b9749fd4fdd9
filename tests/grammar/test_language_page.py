"""docs/language.md is true: its specs compile, its values are computed, and nothing is left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from math import inf, isclose
from pathlib import Path
from typing import Any

import pytest
import torch

from lossc.compiler.choices import COMPILE_TIME, INTERPOLATIONS, OPTIONS, STEPS
from lossc.compiler.compile import compile_spec
from lossc.compiler.discrete import DISCRETE_OPS
from lossc.compiler.front.distances import PAIRS
from lossc.compiler.front.functions import FUNCTIONS, OPERATIONS
from lossc.grammar import syntax as sx
from lossc.grammar.document import read_yaml
from lossc.grammar.errors import SpecError
from lossc.grammar.parser import parse_specs
from lossc.grammar.source import Source
from lossc.grammar.words import GIVES, GOALS, ORDERS, REDUCTIONS, RESERVED, TYPES
from lossc.runtime.weightings import WEIGHTINGS

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "language.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```lossc *(.*?)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
SPECS = [text for code, text in BLOCKS if not code and re.search(r"^spec ", text, re.MULTILINE)]
REFUSED = [(code, text) for code, text in BLOCKS if code]
PARTS = [text for code, text in BLOCKS if not code and text not in SPECS]
YAML = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)

_ROWS = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
         for line in PAGE.splitlines() if line.startswith("|")]  # fmt: skip
#: ``(expression, value)`` of "`7 // 2` is 3" in any table
VALUES = [
    (expression, value)
    for row in _ROWS
    for cell in row
    for expression, value in re.findall(r"`([^`]+)` is (-?inf|undefined|-?[\d.]*\d)", cell)
]
#: ``(reduction, value of 3, 1, 3, value over nothing)``
REDUCED = [
    (row[0].strip("`").replace("\\|", "|"), row[1], row[2].split(",")[0])
    for row in _ROWS
    if re.match(rf"`({'|'.join(REDUCTIONS)})\[", row[0])
]

_GRAMMAR = (DOCS.parent / "grammar" / "expr.lark").read_text(encoding="utf-8")
#: Its rules, without comments and without the patterns of names and numbers.
_RULES = re.sub(r"//.*", "", _GRAMMAR.replace('"//"', '"/" "/"')).partition("REDUCER:")[0]


def _literals(terminal: str) -> list[str]:
    """The words and signs that a terminal of the grammar stands for."""
    (line,) = re.findall(rf"^{terminal}: (.*)$", _GRAMMAR, re.MULTILINE)
    return re.findall(r'"([^"]+)"', line)


def named(text: str) -> str:
    found = re.search(r"^spec (\w+)", text, re.MULTILINE)
    return found.group(1) if found else text.partition("\n")[0]


def tree(text: str) -> sx.Spec:
    return parse_specs(Source("page", text))[0]


def parts(node: Any) -> Iterator[Any]:
    """A syntax tree's nodes."""
    if isinstance(node, tuple):
        for item in node:
            yield from parts(item)
    elif is_dataclass(node):
        yield node
        for field in fields(node):
            if field.name not in ("span", "called"):
                yield from parts(getattr(node, field.name))


# ---- blocks


@pytest.mark.parametrize("text", SPECS, ids=named)
def test_a_spec_compiles_and_its_examples_hold(text: str) -> None:
    compile_spec(text)


def test_every_spec_but_the_first_has_an_example() -> None:
    assert [named(text) for text in SPECS if not tree(text).examples] == ["accuracy"]


@pytest.mark.parametrize(("code", "text"), REFUSED, ids=[named(text) for _, text in REFUSED])
def test_a_spec_that_is_refused(code: str, text: str) -> None:
    with pytest.raises(SpecError) as caught:
        compile_spec(text)
    assert {found.code for found in caught.value.diagnostics} == {code}


@pytest.mark.parametrize("text", PARTS, ids=named)
def test_statements_are_read(text: str) -> None:
    words = set(re.findall(r"^\w+", text, re.MULTILINE))
    more = "" if "input" in words else "\ninput x: real[n]"
    more += "" if words & set(GOALS) else "\nloss 0"
    assert parse_specs(Source("example", f"spec shown\n{text}{more}"))


@pytest.mark.parametrize("text", YAML)
def test_yaml_examples(text: str) -> None:
    assert read_yaml(Source("example", text))


def test_the_first_two_examples_are_one_spec() -> None:
    assert parse_specs(Source("dsl", SPECS[0])) == (read_yaml(Source("yaml", YAML[0])),)


# ---- values in tables


def _written(expression: str) -> tuple[str, list[str]]:
    """The expression with an input in place of each number, and the numbers."""
    number = r"(?<![\w.])\d+(?:\.\d+)?"
    inputs = iter(range(100))
    text = re.sub(number, lambda _: f"a{next(inputs)}", expression)
    return text, re.findall(number, expression)


@pytest.mark.parametrize(("expression", "value"), VALUES)
def test_a_value_of_numbers(expression: str, value: str) -> None:
    text, numbers = _written(expression)
    declared = "".join(f"input a{k}: target real\n" for k in range(len(numbers)))
    spec = f"spec shown\ninput x: real\n{declared}loss x + (({text}) else -12345)\n"
    given = [torch.tensor(float(number), dtype=torch.float64) for number in ["0", *numbers]]
    found = float(compile_spec(spec).loss()(*given))
    want = {"inf": inf, "-inf": -inf, "undefined": -12345.0}.get(value)
    assert isclose(found, float(value) if want is None else want, rel_tol=1e-8, abs_tol=1e-8)


@pytest.mark.parametrize(("reduction", "value", "nothing"), REDUCED)
def test_a_value_of_a_reduction(reduction: str, value: str, nothing: str) -> None:
    condition = value in ("true", "false")
    body = f"[{reduction}]" if condition else f"(({reduction}) else -12345)"
    inputs = "input live: real\ninput x: real[n]\ninput c: bool[n]\n"
    loss = compile_spec(f"spec shown\n{inputs}loss live + {body}\n").loss()
    numbers = {"true": 1.0, "false": 0.0, "undefined": -12345.0}
    for holds, want in ((True, value), (False, nothing)):
        x = torch.tensor([3.0, 1.0, 3.0], dtype=torch.float64)
        found = float(loss(torch.zeros_like(x[0]), x, torch.full((3,), holds)))
        wanted = numbers[want] if want in numbers else float(want)
        assert isclose(found, wanted, rel_tol=1e-8), (holds, found, want)


# ---- nothing is left out


@cache
def _shown() -> tuple[frozenset[str], frozenset[str]]:
    """Words and constructs of the specs whose examples are computed."""
    words: set[str] = set()
    constructs: set[str] = set()
    for text in SPECS:
        bare = re.sub(r'#.*|"[^"\n]*"', "", text)
        words |= set(re.findall(r"\w+|==|!=|<=|>=|//|\.\.|[-+*/%^<>]", bare))
        spec = tree(text)
        if not spec.examples:
            continue
        for node in parts(spec):
            match node:
                case sx.Call(name=name):
                    constructs.add(f"{name.id}()")
                case sx.Reduction() | sx.Order():
                    constructs.add(f"{node.op}[]")
                case sx.Arithmetic() | sx.Compare():
                    constructs.add(node.op)
                case (
                    sx.Logic()
                    | sx.Not()
                    | sx.Else()
                    | sx.Negate()
                    | sx.Iverson()
                    | sx.Tuple()
                    | sx.String()
                ):
                    constructs.add(type(node).__name__)
    return frozenset(words), frozenset(constructs)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_has_a_row_and_values(name: str) -> None:
    (row,) = [r for r in _ROWS if r[0].startswith(f"`{name}(")]
    assert len(row) == 4 and row[1]
    assert name == "valid" or any(text.startswith(f"{name}(") for text, _ in VALUES)
    assert f"{name}()" in _shown()[1]


@pytest.mark.parametrize("name", PAIRS)
def test_every_function_of_whole_arrays_has_a_row_and_a_spec(name: str) -> None:
    (row,) = [r for r in _ROWS if f"`{name}(a, t)`" in r[0]]
    assert all(f"`{option}" in row[2] for option in PAIRS[name].options)
    assert f"{name}()" in _shown()[1]


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_every_weighting_has_a_row_with_its_options(name: str) -> None:
    (row,) = [r for r in _ROWS if r[0] == f"`{name}(plane, volume)`"]
    for key, option in WEIGHTINGS[name].options.items():
        default = option.default
        shown = f'"{default}"' if isinstance(default, str) else f"{default:g}"
        assert f"`{key} = {shown}`" in row[1]


@pytest.mark.parametrize("name", [*OPERATIONS])
def test_every_reduction_has_a_row_and_a_spec(name: str) -> None:
    assert len([r for r in REDUCED if r[0].startswith(f"{name}[")]) == 1
    assert f"{name}[]" in _shown()[1]


def test_the_tables_of_reductions_agree() -> None:
    assert set(OPERATIONS) == REDUCTIONS
    assert set(ORDERS) < REDUCTIONS


@pytest.mark.parametrize("word", sorted({*RESERVED, *TYPES, GIVES, "values"}))
def test_every_word_is_in_a_spec(word: str) -> None:
    assert word in _shown()[0]


@pytest.mark.parametrize("operator", [*_literals("CMP"), *_literals("MUL"), "+", "-", "^"])
def test_every_operator_is_computed(operator: str) -> None:
    assert operator in _shown()[1]


@pytest.mark.parametrize("literal", sorted(set(re.findall(r'"([^"]+)"', _RULES))))
def test_every_literal_of_the_grammar_is_in_a_spec(literal: str) -> None:
    """So that a new construct needs an example here."""
    shown = "\n".join([*SPECS, *(text for _, text in REFUSED)])
    edge = r"\b" if literal.isalpha() else ""
    assert re.search(edge + re.escape(literal) + edge, shown)


@pytest.mark.parametrize("kind", ["Not", "Else", "Negate", "Iverson", "Tuple", "String", "Logic"])
def test_every_kind_of_expression_is_in_a_spec(kind: str) -> None:
    assert kind in _shown()[1]


def test_every_discrete_operation_has_its_row() -> None:
    want = [[o.name, f"`{o.written}`", o.compared, o.recomputed] for o in DISCRETE_OPS]
    rows = [[cell.replace("\\|", "|") for cell in row] for row in _ROWS]
    assert [row for row in rows if row[0] in {o.name for o in DISCRETE_OPS}] == want


def test_every_option_of_a_surrogate_is_in_a_spec() -> None:
    options = {**OPTIONS, **COMPILE_TIME, **STEPS, **INTERPOLATIONS}
    assert {*options, "step", "interpolation"} <= _shown()[0]


def test_all_reserved_words_are_listed() -> None:
    listed = PAGE.split("Reserved everywhere:")[1].split("Names are")[0]
    assert set(re.findall(r"`(\w+)`", listed)) == RESERVED


# ---- links


@pytest.mark.parametrize(
    "page", [*sorted(DOCS.rglob("*.md")), DOCS.parent / "README.md"], ids=lambda path: path.name
)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", _without_code(page)):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, place = target.partition("#")
        found = (page.parent / file).resolve() if file else page
        assert found.exists(), target
        if place:
            assert place in _anchors(found), target


def _without_code(page: Path) -> str:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    return re.sub(r"`[^`\n]*`", "", text)


@cache
def _anchors(page: Path) -> frozenset[str]:
    """The names that headings have as targets of links."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", h).lower().replace(" ", "-") for h in headings)
