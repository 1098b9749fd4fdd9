"""The examples of docs/python.md run, one after the other, as a reader would."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

import lossc
from lossc import importer

PAGE = (Path(__file__).parents[1] / "docs" / "python.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
OWN = (
    "spec my_metric\ninput score: real[n]\nparam level = 0.5\nevaluate mean[i] [score[i] > level]\n"
)


@pytest.fixture
def specs(tmp_path, monkeypatch):
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "my_metric.lossc").write_text(OWN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    yield
    if "my_losses" in importer._FINDER.hooks:
        importer._FINDER.hooks["my_losses"].uninstall()
    for name in ("my_losses", "my_losses.my_metric"):
        sys.modules.pop(name, None)


def test_the_examples_run(specs, capsys):
    assert len(EXAMPLES) == 8
    names: dict = {}
    for example in EXAMPLES:
        exec(compile(example, "docs/python.md", "exec"), names)
    assert 0 <= names["value"] <= 1
    shown = capsys.readouterr().out
    assert "PrecisionAtK(k=2, temperature=0.5, squash='sigmoid'" in shown
    assert "binary      wins1" in shown


def test_the_page_names_all_that_is_public():
    for name in {*lossc.__all__, "Metric"} - {"__version__", "runtime", "compile"}:
        assert f"{name}" in PAGE, name
