"""Every example of docs/language.md is a spec, or the statements of one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lossc.grammar.document import read_yaml
from lossc.grammar.parser import parse_specs
from lossc.grammar.source import Source
from lossc.grammar.words import GOALS, RESERVED

PAGE = (Path(__file__).parents[2] / "docs" / "language.md").read_text(encoding="utf-8")
DSL = re.findall(r"^```lossc\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
YAML = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("example", DSL)
def test_dsl_examples(example: str) -> None:
    words = set(re.findall(r"^\w+", example, re.MULTILINE))
    if "spec" not in words:
        example = f"spec shown\n{example}"
    if "input" not in words:
        example += "\ninput x: real[n]"
    if not words & set(GOALS):
        example += "\nloss 0"
    assert parse_specs(Source("example", example))


@pytest.mark.parametrize("example", YAML)
def test_yaml_examples(example: str) -> None:
    assert read_yaml(Source("example", example))


def test_the_first_two_examples_are_one_spec() -> None:
    assert parse_specs(Source("dsl", DSL[0])) == (read_yaml(Source("yaml", YAML[0])),)


def test_all_reserved_words_are_listed() -> None:
    listed = PAGE.split("Reserved everywhere:")[1].split("Names are")[0]
    assert set(re.findall(r"`(\w+)`", listed)) == RESERVED
