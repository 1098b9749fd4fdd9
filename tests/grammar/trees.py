"""Random syntax trees, for the laws of formatting and parsing.

One seed makes one tree: strategies nested as deeply as the grammar would take hypothesis minutes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random
from typing import Any

from hypothesis import strategies as st

from lossc.grammar import syntax as ast
from lossc.grammar.source import Source, Span
from lossc.grammar.words import ORDERS, REDUCERS

SPAN = Span(Source("<tree>", ""), 0, 0)
_PLAIN = ["x", "score", "label", "n", "i", "j", "lambda_", "class", "e1", "_", "import", "null"]
# ordinary names where no bracket follows
_WORDS = ["max", "count", "sort", "target", "real", "true"]
_TEXTS = ["", " ", "a b", 'say "no"', "\\", "\\n", "\n", "a\tb", "é", "😀", "# x", ": ", "\r", "'"]
_LITERALS = [*_TEXTS, "published", "0.5", "5", "true", "null", "in", "f(x)", "a, b", "- x", "inf"]


class Trees:
    """Trees of one seed."""

    def __init__(self, seed: int):
        self.random = Random(seed)

    def some(self, make: Callable[[], Any], least: int, most: int) -> tuple[Any, ...]:
        return tuple(make() for _ in range(self.random.randint(least, most)))

    def maybe(self, make: Callable[[], Any]) -> Any:
        return make() if self.random.random() < 0.5 else None

    def name(self, words: bool = True) -> ast.Name:
        return ast.Name(self.random.choice(_PLAIN + _WORDS * words), SPAN)

    def number(self) -> int | float:
        whole, power = self.random.randint(0, 2**53), self.random.randint(-300, 300)
        return self.random.choice([whole, whole % 10, whole * 10.0**-20, 10.0**power, 1.5, 0.0])

    def literal(self) -> ast.Literal:
        signed = self.number() * self.random.choice([1, -1])
        return self.random.choice([signed, self.random.choice(_LITERALS)])

    # -------------------------------------------------------------------- expressions

    def expression(self, depth: int) -> Any:
        if depth == 0:
            text = ast.String(self.random.choice(_TEXTS), SPAN)
            return self.random.choice([self.name(), ast.Number(self.number(), SPAN), text])
        shape = self.random.choice(self.SHAPES)
        return shape(self, lambda: self.expression(self.random.randint(0, depth - 1)))

    def binders(self, expr: Callable[[], Any]) -> tuple[ast.Binder, ...]:
        names = {name.id: name for name in self.some(lambda: self.name(False), 1, 2)}
        between = self.random.choice([expr, lambda: ast.Interval(expr(), expr(), SPAN)])
        return tuple(ast.Binder(name, self.maybe(between), SPAN) for name in names.values())

    def reduction(self, expr: Callable[[], Any]) -> ast.Reduction:
        op = self.random.choice(REDUCERS)
        return ast.Reduction(op, self.binders(expr), self.maybe(expr), expr(), SPAN)

    def order(self, expr: Callable[[], Any]) -> ast.Order:
        op = self.random.choice(ORDERS)
        return ast.Order(op, self.binders(expr), self.maybe(expr), expr(), expr(), SPAN)

    def call(self, expr: Callable[[], Any]) -> ast.Call:
        kwargs = {self.name().id: expr() for _ in range(self.random.randint(0, 2))}
        return ast.Call(self.name(), self.some(expr, 0, 2), tuple(kwargs.items()), SPAN)

    def arithmetic(self, expr: Callable[[], Any]) -> ast.Arithmetic:
        op = self.random.choice(["+", "-", "*", "/", "//", "%", "^"])
        return ast.Arithmetic(op, expr(), expr(), SPAN)

    def compare(self, expr: Callable[[], Any]) -> ast.Compare:
        op = self.random.choice(["==", "!=", "<", "<=", ">", ">=", "beats"])
        return ast.Compare(op, expr(), expr(), SPAN)

    def logic(self, expr: Callable[[], Any]) -> ast.Logic:
        return ast.Logic(self.random.choice(["and", "or"]), expr(), expr(), SPAN)

    SHAPES: tuple[Callable[..., Any], ...] = (
        *(reduction, reduction, order, call, arithmetic, arithmetic, arithmetic, compare, logic),
        lambda self, expr: ast.Access(self.name(False), self.some(expr, 1, 3), SPAN),
        lambda self, expr: ast.Negate(expr(), SPAN),
        lambda self, expr: ast.Not(expr(), SPAN),
        lambda self, expr: ast.Reduction("count", self.binders(expr), self.maybe(expr), None, SPAN),
        lambda self, expr: ast.Iverson(expr(), SPAN),
        lambda self, expr: ast.Else(expr(), expr(), SPAN),
        lambda self, expr: ast.Tuple(self.some(expr, 2, 3), SPAN),
    )

    # -------------------------------------------------------------------- specs

    def dim(self) -> ast.Dim:
        return ast.Dim(self.random.choice(["n", "p", 2]), SPAN)

    def kind(self) -> ast.Kind:
        below = self.maybe(self.dim)
        return ast.Kind(
            type=self.random.choice(["real", "int", "bool"]),
            target=self.random.choice([True, False]),
            dims=self.some(self.dim, 0, 2),
            below=below,
            range=None if below else self.maybe(self.range),
            ignore=self.maybe(self.name),
            default=self.maybe(self.literal),
            span=SPAN,
        )

    def range(self) -> ast.Range:
        low, high = (self.random.choice([float("inf"), 0.0, 1.0, -0.5, 1e-9, 1e20]) for _ in "ab")
        closed = (self.random.choice([True, False]) for _ in "ab")
        return ast.Range(-low, high, *closed, SPAN)

    def array(self, depth: int = 3) -> Any:
        if depth == 0 or self.random.random() < 0.3:
            return self.random.choice([self.literal(), self.number(), math.inf, -math.inf])
        return self.some(lambda: self.array(depth - 1), 0, 3)

    def example(self) -> ast.Example:
        given = {name.id: (name, self.array()) for name in self.some(self.name, 1, 3)}
        value = self.random.choice([self.number(), -self.number(), math.inf, -math.inf])
        return ast.Example(tuple(given.values()), value, SPAN)

    def option(self, depth: int = 2) -> ast.Option:
        nested = self.literal if depth == 0 else lambda: self.option(depth - 1)
        arguments = {
            self.name().id: self.random.choice([self.literal, nested])()
            for _ in range(self.random.randint(0, 2))
        }
        return ast.Option(self.name().id, tuple(arguments.items()), SPAN)

    def named(self, letter: str, make: Callable[[ast.Name], Any], least: int = 0) -> Any:
        count = self.random.randint(least, 2)
        return tuple(make(ast.Name(f"{letter}{number}", SPAN)) for number in range(count))

    def definitions(self, kind: Any, letter: str) -> Any:
        def make(name: ast.Name) -> ast.Definition:
            binders = self.maybe(lambda: self.binders(lambda: self.expression(1))) or ()
            return ast.Definition(kind, name, binders, self.expression(2), SPAN)

        return self.named(letter, make)

    def spec(self) -> ast.Spec:
        def text() -> str:
            return self.random.choice(_LITERALS)

        goal = self.random.choice(["evaluate", "minimize", "loss", "combine"])
        return ast.Spec(
            name=self.name(),
            doc=self.maybe(text),
            source=self.maybe(text),
            uses=self.named("u", lambda n: ast.Use(n, ast.Name(f"as_{n.id}", SPAN), SPAN)),
            inputs=self.named("s", lambda name: ast.Input(name, self.kind(), SPAN), 1),
            params=self.named(
                "k", lambda name: ast.Param(name, self.literal(), self.maybe(self.range), SPAN)
            ),
            definitions=(
                *self.definitions("decode", "d"),
                *self.definitions("let", "l"),
                *self.definitions("truth", "s"),
            ),
            terms=self.named("t", lambda name: ast.Term(name, self.expression(2), SPAN)),
            goal=ast.Goal(goal, self.expression(3), SPAN),
            surrogates=self.named("slot", lambda n: ast.Surrogate(n, self.option(), SPAN)),
            schedules=self.some(lambda: ast.Schedule(self.option(), SPAN), 0, 2),
            examples=self.some(self.example, 0, 2),
            span=SPAN,
        )


_seeds = st.integers(0, 2**32)
expressions = _seeds.map(lambda seed: Trees(seed).expression(5))
specs = _seeds.map(lambda seed: Trees(seed).spec())
