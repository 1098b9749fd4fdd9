"""Specs as a ``.lossc`` text, with the comments of the text that they were read from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lossc.grammar import format_pieces as write
from lossc.grammar import syntax as ast
from lossc.grammar.comments import Comments, Item
from lossc.grammar.format_comments import commented, lines_of, squeezed
from lossc.grammar.format_expression import expression, head, number, quoted
from lossc.grammar.layout import SPACE, Doc, Group, Nest, joined, render
from lossc.grammar.source import Span
from lossc.grammar.words import GIVES

#: A statement: the key that it stands under in YAML, where it was read, and what it says.
_Written = tuple[str, Span, Doc]


def dsl_of(specs: Iterable[ast.Spec], comments: Comments | None = None) -> str:
    """Specs as one ``.lossc`` text, in its canonical form.

    Args:
        specs: What to write.
        comments: Of the text that they were read from.
    """
    comments = comments or Comments()
    lines: list[str] = []
    for spec in specs:
        lines += ["", *_headings(spec, comments)]
        for group in _groups(spec):
            lines.append("")
            for key, span, doc in group:
                items = [comments.named(f"{key}:", spec.span), comments.of(span)]
                lines += commented(render(doc).split("\n"), items)
    return "\n".join(squeezed([*lines, "", *lines_of(comments.left())])) + "\n"


def _headings(spec: ast.Spec, comments: Comments) -> Iterator[str]:
    def named(*words: str) -> list[Item | None]:
        return [comments.named(word, spec.span) for word in words]

    yield from commented([f"spec {spec.name.id}"], named("lossc:", "spec", "name:"))
    if spec.doc is not None:
        yield from commented([f"doc {quoted(spec.doc)}"], named("doc", "doc:"))
    if spec.source is not None:
        yield from commented([f"source {quoted(spec.source)}"], named("source", "source:"))


def _groups(spec: ast.Spec) -> Iterator[list[_Written]]:
    """All other statements: in the order of the canonical form, in groups."""
    yield [("use", each.span, f"use {write.use(each)}") for each in spec.uses]
    yield [*_inputs(spec), *_params(spec)]
    yield [
        *_definitions(spec, "decode", "let"),
        *(
            ("terms", each.span, (f"term {each.name.id} = ", expression(each.body)))
            for each in spec.terms
        ),
        (spec.goal.kind, spec.goal.span, (f"{spec.goal.kind} ", expression(spec.goal.body))),
        *_definitions(spec, "truth"),
    ]
    yield [
        *(
            ("surrogate", each.span, (f"surrogate {each.slot.id} ", write.option(each.option)))
            for each in spec.surrogates
        ),
        *(
            ("schedule", each.span, ("schedule ", write.option(each.option)))
            for each in spec.schedules
        ),
    ]
    yield [("examples", each.span, _example(each)) for each in spec.examples]


def _inputs(spec: ast.Spec) -> Iterator[_Written]:
    for each in spec.inputs:
        yield "inputs", each.span, f"input {each.name.id}: {write.kind(each.kind)}"


def _params(spec: ast.Spec) -> Iterator[_Written]:
    for each in spec.params:
        yield "params", each.span, f"param {each.name.id} = {write.param(each)}"


def _definitions(spec: ast.Spec, *kinds: str) -> Iterator[_Written]:
    for each in spec.definitions:
        if each.kind in kinds:
            yield (
                each.kind,
                each.span,
                (f"{each.kind} ", head(each), " = ", expression(each.body)),
            )


def _example(example: ast.Example) -> Doc:
    given = ((f"{name.id} = ", Nest(write.array(values))) for name, values in example.inputs)
    value = (SPACE, f"{GIVES} {number(example.value)}")
    return ("example ", Group(Nest((joined(given), value))))
