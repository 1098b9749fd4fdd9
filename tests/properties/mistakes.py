"""Ways to put one wrong thing into a well-typed spec.

A mistake takes a spec and gives its text with the mistake in it, or nothing where the spec has no
place for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from lossc.grammar import syntax as sx
from lossc.grammar.format import to_dsl
from lossc.grammar.parser import parse_expression
from lossc.grammar.source import Source, Span
from tests.properties import trees

Mistake = Callable[[sx.Spec, Random], str | None]
SPAN = Span(Source("<wrong>", ""), 0, 0)


def expression(text: str) -> sx.Expr:
    return parse_expression(text, lambda start, end: SPAN)


def at(
    kinds: tuple[type, ...], change: Callable[[Any], Any], where: Callable[[sx.Spec, Any], bool]
) -> Mistake:
    """The change, made to a random expression of one of the kinds."""

    def mistake(spec: sx.Spec, random: Random) -> str | None:
        fit = [
            (place, node)
            for place, node in trees.places(spec)
            if isinstance(node, kinds) and where(spec, node)
        ]
        if not fit:
            return None
        place, node = fit[random.randrange(len(fit))]
        return to_dsl(trees.put(spec, place, change(node)))

    return mistake


def anywhere(spec: sx.Spec, node: Any) -> bool:
    return True


def operand(text: str) -> Mistake:
    """An operand of arithmetic becomes ``text``."""
    new = expression(text)
    return at((sx.Arithmetic,), lambda node: replace(node, left=new), anywhere)


def line(text: str) -> Mistake:
    """One statement more."""
    return lambda spec, random: to_dsl(spec) + text + "\n"


def option(text: str) -> Mistake:
    """A surrogate in place of all others."""
    return lambda spec, random: to_dsl(replace(spec, surrogates=())) + f"surrogate {text}\n"


def added(text: str) -> Mistake:
    """One definition more, whose names stand for those of the spec.

    SCORE and OTHER are items of a live input and of one that is not, ARRAY and PLAIN their names.
    """

    def mistake(spec: sx.Spec, random: Random) -> str | None:
        live = next(entry for entry in spec.inputs if entry.kind.live and entry.kind.dims)
        plain = next((e for e in spec.inputs if e.kind.target and e.kind.dims), None)
        if plain is None:
            return None
        names = {
            "SCORE": f"{live.name.id}[{', '.join(['0'] * len(live.kind.dims))}]",
            "OTHER": f"{plain.name.id}[{', '.join(['0'] * len(plain.kind.dims))}]",
            "ARRAY": live.name.id,
            "PLAIN": plain.name.id,
            "SUBSCRIPTS": ", ".join(["z1", *["0"] * (len(live.kind.dims) - 1)]),
            "PLACES": ", ".join(["z1", *["0"] * (len(plain.kind.dims) - 1)]),
        }
        kept = tuple(each for each in spec.definitions if each.kind != "truth")
        words = re.sub("[A-Z]{5,}", lambda found: names[found[0]], text)
        return to_dsl(replace(spec, definitions=kept)) + words + "\n"

    return mistake


def goal(text: str) -> Mistake:
    """Another goal of the same kind."""
    more = added("goal " + text)

    def mistake(spec: sx.Spec, random: Random) -> str | None:
        found = more(spec, random)
        if found is None or spec.goal.kind == "loss":
            return None
        new = expression(found.rsplit("goal ", 1)[1].strip())
        return to_dsl(replace(spec, goal=replace(spec.goal, body=new), definitions=()))

    return mistake


def declared(change: Callable[[sx.Input], sx.Input | None]) -> Mistake:
    """The first input for which there is a change, changed."""

    def mistake(spec: sx.Spec, random: Random) -> str | None:
        for place, entry in enumerate(spec.inputs):
            new = change(entry)
            if new is not None:
                inputs = (*spec.inputs[:place], new, *spec.inputs[place + 1 :])
                return to_dsl(replace(spec, inputs=inputs))
        return None

    return mistake


def kind(wanted: Callable[[sx.Kind], bool], **new: Any) -> Mistake:
    def change(entry: sx.Input) -> sx.Input | None:
        return replace(entry, kind=replace(entry.kind, **new)) if wanted(entry.kind) else None

    return declared(change)


def again(part: str) -> Mistake:
    """A statement is given twice."""

    def mistake(spec: sx.Spec, random: Random) -> str | None:
        statements = [s for s in getattr(spec, part) if getattr(s, "kind", None) != "truth"]
        if not statements:
            return None
        twice = statements[random.randrange(len(statements))]
        return to_dsl(replace(spec, **{part: (*getattr(spec, part), twice)}))

    return mistake


def all_targets(spec: sx.Spec, random: Random) -> str | None:
    """No input is live, and only definitions without decisions are kept."""
    if spec.goal.kind == "loss" or re.search("argm|beats", to_dsl(spec)):
        return None
    inputs = tuple(
        replace(e, kind=replace(e.kind, target=e.kind.type == "real")) for e in spec.inputs
    )
    kept = tuple(each for each in spec.definitions if each.kind != "truth")
    return to_dsl(replace(spec, inputs=inputs, definitions=kept))


def out_of_range(spec: sx.Spec, random: Random) -> str | None:
    for place, param in enumerate(spec.params):
        if param.range is not None:
            new = replace(param, default=-7.5)
            return to_dsl(
                replace(spec, params=(*spec.params[:place], new, *spec.params[place + 1 :]))
            )
    return None


def without_goal(spec: sx.Spec, random: Random) -> str:
    return re.sub(rf"^{spec.goal.kind} .*\n([ \t)\]].*\n)*", "", to_dsl(spec), flags=re.MULTILINE)


def one_bracket_less(spec: sx.Spec, random: Random) -> str | None:
    text = to_dsl(replace(spec, doc=None))
    brackets = [place for place, letter in enumerate(text) if letter in "()[]"]
    ranges = [m.span() for m in re.finditer(r" in [\[(].*?[\])]$", text, flags=re.MULTILINE)]
    brackets = [p for p in brackets if not any(a <= p < b for a, b in ranges)]
    place = brackets[random.randrange(len(brackets))]
    return text[:place] + text[place + 1 :]


def a_strange_sign(spec: sx.Spec, random: Random) -> str:
    text = to_dsl(replace(spec, doc=None, source=None))
    spaces = [place for place, letter in enumerate(text) if letter in " \n"]
    place = spaces[random.randrange(len(spaces))]
    return (
        text[:place]
        + random.choice([" @ ", " $ ", " ; ", " é ", " \u202e ", "\x00"])
        + text[place:]
    )


def unbound(spec: sx.Spec, random: Random) -> str:
    """An index that a reduction binds, outside of it."""
    names = {e.name.id for e in (*spec.inputs, *spec.params, *spec.definitions)}
    names |= {dim.size for entry in spec.inputs for dim in entry.kind.dims}
    bound = [
        b.name.id for _, n in trees.places(spec) if isinstance(n, sx.Reduction) for b in n.binders
    ]
    free = next((name for name in bound if name not in names), "z9")
    body = sx.Arithmetic("+", spec.goal.body, sx.Name(free, SPAN), SPAN)
    return to_dsl(replace(spec, goal=replace(spec.goal, body=body)))


def itself(spec: sx.Spec, random: Random) -> str | None:
    """A definition that uses itself."""
    for place, each in enumerate(spec.definitions):
        if each.kind != "truth" and not each.binders:
            body = sx.Arithmetic("+", each.body, each.name, SPAN)
            new = replace(each, body=body)
            rest = (*spec.definitions[:place], new, *spec.definitions[place + 1 :])
            return to_dsl(replace(spec, definitions=rest))
    return None


def is_array(spec: sx.Spec, node: Any) -> bool:
    return any(e.name.id == node.name.id for e in spec.inputs) and not node.name.id.startswith(
        "joint"
    )


def no_decision(spec: sx.Spec, node: sx.Reduction) -> bool:
    return not node.op.startswith("arg")


def filtered(spec: sx.Spec, node: Any) -> bool:
    return node.filter is not None


def extra(node: sx.Access) -> sx.Access:
    return replace(node, indices=(*node.indices, *[sx.Number(0, SPAN)] * 3))


def subscript(text: str) -> Mistake:
    def change(node: sx.Access) -> sx.Access:
        return replace(node, indices=(expression(text), *node.indices[1:]))

    return at((sx.Access,), change, is_array)


def binder(text: str) -> Mistake:
    """One more binder of a reduction."""
    (new,) = expression(f"sum[{text}] 1").binders  # type: ignore[union-attr]
    return at((sx.Reduction,), lambda n: replace(n, binders=(*n.binders, new)), no_decision)
