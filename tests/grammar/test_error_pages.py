"""Each rule has pages: a wrong spec beside the text that its reader is shown.

``pytest --update-golden`` writes the texts anew: review the difference.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lossc.grammar.error_codes import RULES
from lossc.grammar.errors import SpecError
from lossc.grammar.load import load

FOLDER = Path(__file__).parents[1] / "errors"
PAGES = sorted(
    path
    for folder in (FOLDER, FOLDER / "meaning")
    if folder.is_dir()
    for path in folder.iterdir()
    if path.suffix in (".lossc", ".yaml", ".ref")
)


def shown(page: Path) -> str:
    """What the reader of a wrong spec is shown, without the path of the folder."""
    reference = page
    if page.suffix == ".ref":  # for what is wrong with no file: the file holds what was asked for
        asked = page.read_text(encoding="utf-8").strip()
        reference = page.parent / asked if "." in asked else asked
    with pytest.raises(SpecError) as caught:
        spec = load(reference)
        assert page.parent.name == "meaning", "the spec is fine"
        from lossc.compiler.build import check

        check(spec, page.parent / "used")
    return str(caught.value).replace(f"{page.parent}/", "") + "\n"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page(page: Path, request: pytest.FixtureRequest) -> None:
    text = page.with_suffix(".txt")
    found = shown(page)
    if request.config.getoption("--update-golden", default=False):
        text.write_text(found, encoding="utf-8")
    assert found == text.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_shows_its_rule(page: Path) -> None:
    rules = [rule for rule in RULES if page.stem == rule or page.stem.startswith(f"{rule}-")]
    assert f"[{max(rules, key=len)}]" in shown(page)


@pytest.mark.parametrize("rule", [rule for rule in RULES if RULES[rule].code < "L020"])
def test_every_rule_of_reading_has_a_page(rule: str) -> None:
    assert any(page.stem == rule for page in PAGES)


# rules that no text of a spec alone can break, by the test that breaks them
ELSEWHERE = {
    "bad-option": "compiler/test_runtime_errors.py",
    "undefined-value": "compiler/test_runtime_errors.py",
    "unknown-best": "compiler/test_validation.py",
    "refactoring-differs": "compiler/test_validation.py",
    "best-beaten": "compiler/test_validation.py",
    "example-differs": "compiler/test_examples.py",
    "no-relaxation": "compiler/test_interpolations.py",
    "bad-network": "grammar/test_caffe.py",
    "log-range": "compiler/test_interpolations.py",
    "dead-gradient": "compiler/test_audit.py",
    "sparse-gradient": "compiler/test_audit.py",
    "non-finite-gradient": "compiler/test_audit.py",
    "gradient-does-not-help": "compiler/test_audit.py",
    "loose-surrogate": "compiler/test_audit.py",
}


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_is_shown_somewhere(rule: str) -> None:
    if rule in ELSEWHERE:
        test = FOLDER.parent / ELSEWHERE[rule]
        assert RULES[rule].code in test.read_text(encoding="utf-8")
    else:
        assert any(page.stem == rule or page.stem.startswith(f"{rule}-") for page in PAGES)


def test_all_findings_are_in_the_order_of_the_file() -> None:
    several = FOLDER / "meaning" / "wrong-kind-several.lossc"
    lines = [int(line) for line in re.findall(r"lossc:(\d+):", shown(several))]
    assert len(lines) == 7
    assert lines == sorted(lines)
    many = FOLDER / "meaning" / "unknown-name-many.lossc"
    assert shown(many).count("error L012") == 20
    assert shown(many).endswith("... and 5 more errors\n")


def test_no_two_pages_share_a_text() -> None:
    assert len({page.with_suffix("") for page in PAGES}) == len(PAGES)


def test_no_text_is_left_over() -> None:
    for text in FOLDER.rglob("*.txt"):
        assert any(page.with_suffix(".txt") == text for page in PAGES)
