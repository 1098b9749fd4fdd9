"""One wrong thing in a well-typed spec, and the rule that must be reported for it."""

from __future__ import annotations

from dataclasses import replace

from lossc.grammar import syntax as sx
from tests.properties.mistakes import (
    SPAN,
    Mistake,
    a_strange_sign,
    added,
    again,
    all_targets,
    anywhere,
    at,
    binder,
    extra,
    filtered,
    goal,
    is_array,
    itself,
    kind,
    line,
    one_bracket_less,
    operand,
    option,
    out_of_range,
    subscript,
    unbound,
    without_goal,
)

NUMBER, NAME = sx.Number(5, SPAN), sx.Name("nowhere", SPAN)

MISTAKES: dict[str, tuple[Mistake, str]] = {
    "an unknown name": (
        at((sx.Name,), lambda n: NAME, lambda s, n: n.id != "group"),
        "unknown-name",
    ),
    "an unknown array": (
        at((sx.Access,), lambda n: replace(n, name=NAME), anywhere),
        "unknown-name",
    ),
    "an unknown function": (
        at((sx.Call,), lambda n: replace(n, name=NAME), lambda s, n: n.name.id != "values"),
        "unknown-name",
    ),
    "a reduction that is called": (operand("sum(1)"), "unknown-name"),
    "too many subscripts": (at((sx.Access,), extra, is_array), "wrong-arity"),
    "too many arguments": (
        at(
            (sx.Call,),
            lambda n: replace(n, args=(*n.args, *n.args, NUMBER, NUMBER)),
            lambda s, n: n.name.id != "values",
        ),
        "wrong-arity",
    ),
    "a named argument": (operand("abs(1, of = 2)"), "wrong-arity"),
    "a number as a filter": (
        at((sx.Reduction,), lambda n: replace(n, filter=NUMBER), filtered),
        "wrong-kind",
    ),
    "a number as a condition": (
        at((sx.Logic,), lambda n: replace(n, right=NUMBER), anywhere),
        "wrong-kind",
    ),
    "a number that is negated": (
        at((sx.Not,), lambda n: replace(n, value=NUMBER), anywhere),
        "wrong-kind",
    ),
    "a number in Iverson brackets": (
        at((sx.Iverson,), lambda n: replace(n, condition=NUMBER), anywhere),
        "wrong-kind",
    ),
    "a condition as a number": (operand("(1 < 2)"), "wrong-kind"),
    "a text as a number": (operand('"word"'), "wrong-kind"),
    "a point as a number": (operand("(1, 2)"), "wrong-kind"),
    "a text that is compared with a number": (
        at((sx.Compare,), lambda n: replace(n, left=sx.String("a", SPAN), right=NUMBER), anywhere),
        "wrong-kind",
    ),
    "points that differ in size": (operand("distance((1, 2), (1, 2, 3))"), "dim-clash"),
    "a number that is too large": (operand("9^9^9"), "bad-number"),
    "a division by zero": (operand("(1 / 0)"), "bad-number"),
    "items that are no items": (
        at((sx.Compare,), lambda n: replace(n, op="beats", left=NUMBER), anywhere),
        "wrong-kind",
    ),
    "an index without a range": (binder("z9"), "no-range"),
    "a range that is none": (binder("z9 in 5"), "no-range"),
    "a range that starts nowhere": (binder("z9 in 0.5..3"), "no-range"),
    "a range that is too large": (binder("z9 in 1..99999"), "too-large"),
    "values of a number": (binder("z9 in values(nowhere)"), "no-range"),
    "an index twice": (
        at((sx.Reduction,), lambda n: replace(n, binders=(*n.binders, n.binders[0])), anywhere),
        "duplicate",
    ),
    "an index outside": (unbound, "unknown-name"),
    "a real subscript": (subscript("0.5"), "wrong-kind"),
    "a live subscript": (
        added(
            "let wrong1 = SCORE\n"
            "let wrong2[z1 in n] = ARRAY[SUBSCRIPTS]\n"
            "let wrong3 = wrong2[wrong1]"
        ),
        "wrong-kind",
    ),
    "a condition as a subscript": (subscript("1 < 2"), "wrong-kind"),
    "a negative subscript": (subscript("-1"), "dim-clash"),
    "a circle of one": (itself, "cycle"),
    "a circle of two": (line("let wrong1 = wrong2\nlet wrong2 = wrong1"), "cycle"),
    "an input twice": (again("inputs"), "duplicate"),
    "a param twice": (again("params"), "duplicate"),
    "a definition twice": (again("definitions"), "duplicate"),
    "a name of a dim": (line("let n = 1"), "duplicate"),
    "a param out of range": (out_of_range, "param-range"),
    "an argmax of what is not live": (
        added("let wrong = argmax[z1] PLAIN[PLACES]"),
        "target-argmax",
    ),
    "an order along two indices": (
        added("let wrong = sort[z1 in n, z2 in n] (OTHER + z1 + z2) at 1"),
        "wrong-arity",
    ),
    "a place that is not whole": (added("let wrong = sort[z1 in n] OTHER at 0.5"), "wrong-kind"),
    "a definition without subscripts": (
        line("let wrong1[z1 in n] = z1\nlet wrong2 = wrong1"),
        "wrong-arity",
    ),
    "no goal": (without_goal, "missing-part"),
    "two goals": (line("evaluate 1"), "duplicate"),
    "no decision": (goal("SCORE"), "no-decision"),
    "no live input": (goal("OTHER"), "not-live"),
    "no input that is live": (all_targets, "not-live"),
    "an ideal of what is not live": (added("truth PLAIN[z1] = 1"), "unknown-name"),
    "an ideal without subscripts": (added("truth ARRAY = 1"), "wrong-arity"),
    "a real below a number": (
        kind(lambda k: k.type == "bool", below=sx.Dim("n", SPAN)),
        "wrong-kind",
    ),
    "an unknown dim": (
        kind(lambda k: k.type == "int" and k.ignore is None, below=sx.Dim("nowhere", SPAN)),
        "unknown-name",
    ),
    "an unknown ignored value": (
        kind(lambda k: k.type == "int" and k.ignore is None, ignore=NAME),
        "unknown-name",
    ),
    "a default that is no bool": (kind(lambda k: k.type == "bool", default=2), "wrong-kind"),
    "a default that is no whole number": (
        kind(lambda k: k.type == "int", default=0.5),
        "wrong-kind",
    ),
    "a dim that holds nothing": (line("input wrong: bool[0]"), "syntax"),
    "a dim that is too large": (line("input wrong: bool[70000]"), "too-large"),
    "an unknown spec": (line("use nowhere"), "bad-use"),
    "an unknown slot": (option("nowhere sigmoid"), "bad-option"),
    "an unknown interpolation": (option("interpolation nowhere"), "bad-option"),
    "an unknown option": (option("step sigmoid(nowhere = 1)"), "bad-option"),
    "an option out of range": (option("interpolation idw(good = -1)"), "param-range"),
    "an option of the wrong kind": (option('interpolation idw(good = "many")'), "bad-option"),
    "a reserved word": (line("let evaluate = 1"), "keyword-name"),
    "a bracket less": (one_bracket_less, ""),
    "a strange sign": (a_strange_sign, ""),
    "an example of nothing": (line("example nowhere = 1 gives 1"), "unknown-name"),
}
