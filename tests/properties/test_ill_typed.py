"""Every generated ill-typed spec gives located errors and nothing else, and soon."""

from __future__ import annotations

import time
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lossc.compiler.build import read_and_build
from lossc.compiler.compile import compile_spec
from lossc.grammar.error_codes import RULES
from lossc.grammar.errors import SpecError
from lossc.grammar.format import to_dsl, to_yaml
from tests.properties.strategies import SEEDS, sound
from tests.properties.wrong import MISTAKES

SECONDS = 3.0  # generous: the machine may be busy, and a second is the bar
TOTAL = 2_000
EACH = -(-TOTAL // len(MISTAKES))


def refused(text: str) -> list[str]:
    """The rules of the located errors of a spec."""
    begin = time.perf_counter()
    with pytest.raises(SpecError) as caught:
        compile_spec(text)
    assert time.perf_counter() - begin < SECONDS
    for each in caught.value.diagnostics:
        assert each.rule in RULES
        assert each.span is not None and each.message
        assert 0 <= each.span.start <= each.span.end <= len(each.span.source.text)
    assert "<text>:" in str(caught.value)
    return [each.rule for each in caught.value.diagnostics]


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_reported_by_its_rule(name: str) -> None:
    mistake, rule = MISTAKES[name]
    made, others = 0, 0
    for seed in range(50 * EACH):
        text = mistake(sound(seed), Random(seed))
        if text is None:
            continue
        found = refused(text)
        assert not rule or rule in found, text
        others += bool(rule) and set(found) != {rule}
        made += 1
        if made == EACH:
            break
    assert made == EACH
    assert others <= EACH / 4  # what follows from a mistake is rarely reported beside it


@settings(max_examples=200)
@given(SEEDS, st.sampled_from(sorted(MISTAKES)), st.sampled_from(sorted(MISTAKES)))
def test_two_mistakes_are_no_worse_than_one(seed: int, first: str, second: str) -> None:
    spec, random = sound(seed), Random(seed)
    text, other = MISTAKES[first][0](spec, random), MISTAKES[second][0](spec, random)
    if text is not None and other is not None:
        head, tail = text.split("\n"), other.split("\n")
        refused("\n".join([*head[: len(head) // 2], *tail[len(tail) // 2 :], *head]))


PIECES = [
    *("(", ")", "[", "]", "|", ",", "..", "=", "==", ":", '"', "#", "@", "\n", "\t", "\\", "\x00"),
    *("sum[i]", "argmax[j]", "sort[i]", "at 1", "else", "beats", "and", "not", "in", "let", "spec"),
    *("1e999", "9^9^9", "0.5", "-", "inf", "nowhere", "i", "n", "label[i]", '"word"', "(1, 2)"),
    *("example", "gives", "use", "truth", "{", "}", "- ", "é", "\u202e", "\ufeff", "\u2028"),
]


@settings(max_examples=300)
@given(SEEDS)
def test_damage_is_located_or_harmless(seed: int) -> None:
    spec, random = sound(seed), Random(seed)
    text = random.choice([to_dsl, to_yaml])(spec)
    for _ in range(random.randint(1, 3)):
        place, length = random.randrange(len(text)), random.choice([0, 0, 1, 5, 40])
        text = text[:place] + random.choice(PIECES) + text[place + length :]
    try:
        read_and_build(text)
    except SpecError as error:
        assert error.diagnostics
        assert all(each.rule in RULES and each.span is not None for each in error.diagnostics)
        str(error)
