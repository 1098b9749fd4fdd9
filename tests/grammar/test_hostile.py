"""No text, however wrong, hostile or large, gives anything but a located error, and soon."""

from __future__ import annotations

import time
from random import Random

import pytest

from lossc.grammar.errors import SpecError
from lossc.grammar.format import to_dsl, to_yaml
from lossc.grammar.load import load
from tests.grammar.test_parser import HEAD, LIBRARY

YAML = "lossc: 1\nname: a\ninputs:\n  x: real[n]\n"
# generous: the machine may be busy, and what is not linear takes minutes
SECONDS = 3.0
MANY = 20_000

LARGE = {
    "brackets": HEAD + "evaluate " + "(" * MANY + "x" + ")" * MANY,
    "iversons": HEAD + "evaluate " + "[" * MANY + "x" + "]" * MANY,
    "calls": HEAD + "evaluate " + "f(" * MANY + "x" + ")" * MANY,
    "closing": HEAD + "evaluate " + ")" * MANY,
    "minus": HEAD + "evaluate " + "-" * 19_000 + "x",
    "more minus": HEAD + "evaluate " + "-" * 190_000 + "x",
    "not": HEAD + "evaluate " + "not " * 19_000 + "x",
    "plus": HEAD + "evaluate x" + " + x" * 5_000,
    "else": HEAD + "evaluate x" + " else x" * 9_000,
    "powers": HEAD + "evaluate x" + "^x" * 9_000,
    "reductions": HEAD + "evaluate " + "sum[i] " * 4_000 + "x",
    "options": HEAD + "surrogate step " + "f(a = " * 30_000,
    "statements": HEAD + "let a = 1\n" * 19_000,
    "wrong statements": HEAD + "let = 1\n" * 19_000,
    "specs": "spec a\n" * 19_000,
    "signs": HEAD + "@$" * 90_000,
    "quotes": HEAD + '"' * 190_000,
    "backslashes": HEAD + 'doc "' + "\\" * 190_000,
    "digits": HEAD + "let a = " + "9" * 190_000,
    "digits behind the point": HEAD + "let a = 0." + "9" * 190_000,
    "a name": HEAD + "let " + "a" * 190_000,
    "comments": HEAD + ("let a = sum " + "#\n" * 10) * 5_000,
    "one comment": HEAD + "let a = sum " + "#" * 190_000,
    "arguments": HEAD + "evaluate f(" + "x," * 90_000 + "x)",
    "indices": HEAD + "loss sum[" + ",".join(f"i{k}" for k in range(MANY)) + "] x",
    "characters": HEAD + "a" * 10**7,
    "yaml lists": YAML + "evaluate: " + "[" * MANY,
    "yaml mappings": YAML + "evaluate: " + "{a: " * MANY,
    "yaml blocks": YAML + "let:\n" + "- " * MANY + "a",
    "yaml keys": YAML + "let:\n" + "".join(f"  a{k}: 1\n" for k in range(15_000)),
    "yaml unknown keys": YAML + "".join(f"a{k}: 1\n" for k in range(15_000)),
    "yaml chain": YAML + "evaluate: " + "x + " * 40_000 + "x\n",
    "yaml expressions": YAML + "let:\n" + f"  a: {'x^' * 40_000}\n  b: {'x^' * 40_000}\n",
    "yaml questions": YAML + "? " * 90_000,
    "yaml colons": YAML + ": " * 90_000,
    "yaml aliases": YAML
    + 'a: &a ["lol", "lol"]\n'
    + "".join(
        f"{b}: &{b} [*{a}, *{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    ),
}


@pytest.mark.parametrize("name", LARGE)
def test_large_texts(name: str) -> None:
    begin = time.perf_counter()
    with pytest.raises(SpecError) as caught:
        load(LARGE[name])
    assert len(str(caught.value)) < 20_000
    assert time.perf_counter() - begin < SECONDS
    assert all(each.span for each in caught.value.diagnostics)


def test_the_deepest_that_is_allowed() -> None:
    for body in ("(" * 99 + "x" + ")" * 99, "-" * 99 + "1", " + ".join(["1"] * 100), "9^9^9^9"):
        load(HEAD + "loss " + body)


@pytest.mark.parametrize(
    "text",
    [
        "\n",
        "\0\n",
        "\ud800\n",
        "\x85\n\u2028",
        "\r\n\r\n",
        "spec ",
        "spec \u202e",
        "spec 9",
        "- a\n- b\n",
        "just text\n",
        "{}\n",
        "[]\n",
        "---\n...\n",
        "%YAML 1.1\n---\na: 1\n",
        "%YAML 9.9\n---\na: 1\n",
        "a: !!python/object/apply:os.system ['echo']\n",
        "a: *a\n",
        "<<: {a: 1}\n",
        "? [a]\n: b\n",
        "lossc: 1\nlossc: 1\n",
        "lossc: 2\nname: a\n",
        "lossc: 1\nname: [a]\ninputs: 5\n",
        YAML + 'doc: "\\0"\nevaluate: x\n',
        YAML + 'doc: "\\ud800"\nevaluate: x\n',
        YAML + "doc: \x07\n",
        YAML + "surrogate: {step: {kind: {kind: a}}}\nevaluate: x\n",
        YAML + "surrogate: {step: {kind: a, b: [1]}}\nevaluate: x\n",
        YAML + "surrogate: {step: }\nevaluate: x\n",
        YAML + "use: {a: b}\nevaluate: x\n",
        YAML + "evaluate:\n",
        YAML + "evaluate: ''\n",
        YAML + "evaluate: 5 5\nname\n",
        YAML + "params: {a: {default: [1]}}\nevaluate: x\n",
        YAML + "params: {a: {default: 1, in: [0, 1]}}\nevaluate: x\n",
        YAML + "params: {a: {default: f(x)}}\nevaluate: x\n",
    ],
)
def test_strange_texts(text: str) -> None:
    with pytest.raises(SpecError):
        load(text)


def test_random_damage_is_located_or_harmless() -> None:
    random = Random(1)
    texts = [write(spec) for spec in LIBRARY[::5] for write in (to_dsl, to_yaml)]
    pieces = [
        "(",
        "]",
        "[",
        '"',
        "'",
        "#",
        ": ",
        "\n",
        "\t",
        "- ",
        "let",
        "at",
        "..",
        "&a",
        "*",
        "{",
    ]
    for _ in range(400):
        text = random.choice(texts)
        place, length = random.randrange(len(text)), random.randrange(6)
        text = text[:place] + random.choice([*pieces, ""]) + text[place + length :]
        try:
            load(text)
        except SpecError as error:
            assert error.diagnostics
            str(error)
