"""The language's own words and limits: what the lexer, the parser and the messages share."""

from __future__ import annotations

#: Statement words. They are reserved everywhere, so each one ends the statement before it.
STATEMENTS = (
    "spec",
    "doc",
    "source",
    "use",
    "input",
    "param",
    "decode",
    "let",
    "truth",
    "term",
    "evaluate",
    "maximize",
    "minimize",
    "loss",
    "combine",
    "surrogate",
    "schedule",
    "example",
)
GOALS = ("evaluate", "maximize", "minimize", "loss", "combine")
#: Words inside statements and expressions, reserved too.
OPERATORS = ("in", "or", "and", "not", "else", "at", "as", "beats", "ignore", "inf")
RESERVED = frozenset(STATEMENTS + OPERATORS)
#: Ends the inputs of an `example`, and is an ordinary name everywhere else.
GIVES = "gives"

#: Reductions are recognised only before `[`: `max(a, b)` is a call.
REDUCERS = (
    "sum",
    "mean",
    "prod",
    "min",
    "max",
    "argmax",
    "argmin",
    "any",
    "all",
    "logsumexp",
)
#: Written as orders are, but what stands behind `at` is weighed: the indices are bound in it.
CENTRES = ("softargmax", "centroid")
ORDERS = ("sort", "rank", "cumsum", *CENTRES)
REDUCTIONS = frozenset((*REDUCERS, *ORDERS, "count"))
TYPES = ("real", "int", "bool")
#: Choices that take a number alone, and the option that it is: `queue(64)` is `queue(size = 64)`.
LONE_OPTIONS = {"queue": "size"}

MAX_CHARACTERS = 200_000
#: Words, numbers and signs of one text: the bundled library of 46 specs has 7,000.
MAX_TOKENS = 20_000
#: Characters of all expressions, and number of texts, of one YAML document.
MAX_YAML_CHARACTERS = 50_000
MAX_YAML_NODES = 2_000
MAX_DEPTH = 100
#: After so many findings the rest of a text is not read.
MAX_FINDINGS = 200
#: Above it, a float64 no longer tells neighbouring integers apart.
MAX_INTEGER = 2**53
