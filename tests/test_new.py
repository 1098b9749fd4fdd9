"""``lossc new``: every start compiles as it is, and nothing is overwritten by accident."""

import pytest
from typer.testing import CliRunner

import lossc
from lossc.cli import app
from lossc.commands.new import Kind
from lossc.grammar.load import load
from lossc.grammar.reformat import reformat
from lossc.grammar.source import Source
from lossc.starters import STARTERS, starter


def new(*arguments):
    return CliRunner().invoke(app, ["new", *map(str, arguments)])


def test_every_kind_has_a_start():
    assert set(STARTERS) == {kind.value for kind in Kind}


@pytest.mark.parametrize("kind", STARTERS)
def test_every_start_compiles_and_gives_what_its_example_says(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert new("mine", "--kind", kind).exit_code == 0
    assert new("mine", "--kind", kind, "--yaml").exit_code == 0
    dsl, yaml = load("mine.lossc"), load("mine.yaml")
    assert dsl == yaml
    assert dsl.name.id == "mine" and dsl.doc and dsl.source and dsl.examples
    report = lossc.compile(tmp_path / "mine.lossc").check(56)
    assert report.ok and report.examples == 1 and not report.warnings


@pytest.mark.parametrize("kind", STARTERS)
def test_every_start_is_commented_and_canonical(kind):
    text = starter(kind, "mine")
    assert text.count("#") >= 4
    assert reformat(Source("<start>", text), yaml=False, to_yaml=False) == text
    assert text.count("#") == starter(kind, "mine", yaml=True).count("#")
    assert max(map(len, text.splitlines())) <= 100


def test_a_file_is_not_overwritten(tmp_path):
    path = tmp_path / "mine.lossc"
    path.write_text("precious", encoding="utf-8")
    result = new("mine", "-o", path)
    assert result.exit_code == 1
    assert "--force" in result.stderr
    assert path.read_text(encoding="utf-8") == "precious"
    assert new("mine", "-o", path, "--force").exit_code == 0
    assert load(path).name.id == "mine"


def test_the_ending_decides_the_form(tmp_path):
    path = tmp_path / "other.yml"
    assert new("mine", "-o", path).exit_code == 0
    assert path.read_text(encoding="utf-8").split("\n")[1] == "lossc: 1"
    assert new("mine", "--yaml", "-o", tmp_path / "mine.lossc").exit_code == 2
    assert new("mine", "-o", tmp_path / "mine.py").exit_code == 2
    assert new("mine", "-o", tmp_path / "none" / "mine.lossc").exit_code == 2


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("my-metric", "my_metric"),
        ("2nd", "_2nd"),
        ("évaluer", "valuer"),
        ("loss", "loss_"),
        ("None", "None_"),
        ("", "my_metric"),
        ("../escape", "escape"),
    ],
)
def test_a_name_is_a_name(name, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = new("--", name) if name else new("")
    assert result.exit_code == 2
    assert f"'{said}'" in result.stderr
    assert not list(tmp_path.iterdir())
