"""``lossc fmt``: files in their canonical form, and from one form to the other."""

import os

import pytest
from typer.testing import CliRunner

from lossc.cli import app

UNTIDY = "spec a # its name\ninput x: real[n] evaluate mean[i] [x[i]>0] else 0\n"
TIDY = "spec a  # its name\n\ninput x: real[n]\n\nevaluate mean[i] [x[i] > 0] else 0\n"
YAML = """\
lossc: 1
name: a  # its name
inputs:
  x: real[n]
evaluate: mean[i] [x[i] > 0] else 0
"""


def fmt(*arguments, given=None):
    return CliRunner().invoke(app, ["fmt", *map(str, arguments)], input=given)


@pytest.fixture
def untidy(tmp_path):
    path = tmp_path / "a.lossc"
    path.write_text(UNTIDY, encoding="utf-8")
    return path


def test_a_file_is_formatted_in_place(untidy):
    os.chmod(untidy, 0o640)
    result = fmt(untidy)
    assert (result.exit_code, result.stdout) == (0, "")
    assert f"wrote {untidy}" in result.stderr
    assert untidy.read_text(encoding="utf-8") == TIDY
    assert untidy.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in untidy.parent.iterdir()] == ["a.lossc"]


def test_a_tidy_file_is_not_touched(untidy):
    untidy.write_text(TIDY, encoding="utf-8")
    os.utime(untidy, (1, 1))
    result = fmt(untidy)
    assert (result.exit_code, result.output) == (0, "")
    assert untidy.stat().st_mtime == 1


def test_check_and_diff_write_nothing(untidy):
    checked = fmt(untidy, "--check")
    assert checked.exit_code == 1
    assert f"would change {untidy}" in checked.stderr
    shown = fmt(untidy, "--diff")
    assert shown.exit_code == 0
    assert "-spec a # its name\n" in shown.stdout
    assert "+spec a  # its name\n" in shown.stdout
    assert fmt(untidy, "--check", "--diff").exit_code == 1
    assert untidy.read_text(encoding="utf-8") == UNTIDY
    untidy.write_text(TIDY, encoding="utf-8")
    assert fmt(untidy, "--check", "--diff").exit_code == 0


def test_standard_input_goes_to_standard_output():
    assert fmt("-", given=UNTIDY).stdout == TIDY
    assert fmt("-", given=YAML).stdout == YAML
    assert fmt("-", "--to", "yaml", given=UNTIDY).stdout == YAML
    assert fmt("-", "--to", "dsl", given=YAML).stdout == TIDY
    assert fmt("-", "--check", given=UNTIDY).exit_code == 1
    assert fmt("-", given=b"\xff").exit_code == 1


def test_a_file_is_converted(untidy, tmp_path):
    assert fmt(untidy, "--to", "yaml").stdout == YAML
    assert untidy.read_text(encoding="utf-8") == UNTIDY
    there, back = tmp_path / "b.yaml", tmp_path / "c.lossc"
    assert fmt(untidy, "-o", there).exit_code == 0
    assert there.read_text(encoding="utf-8") == YAML
    assert fmt(there, "-o", back, "--to", "dsl").exit_code == 0
    assert back.read_text(encoding="utf-8") == TIDY


def test_a_bundled_spec_is_never_written_to():
    result = fmt("accuracy", "--to", "dsl")
    assert result.exit_code == 0
    assert result.stdout.startswith("spec accuracy\n")
    assert fmt("accuracy").stdout.startswith("lossc: 1\nname: accuracy\n")


def test_one_wrong_file_does_not_stop_the_others(untidy, tmp_path):
    wrong = tmp_path / "wrong.lossc"
    wrong.write_text("spec wrong\ninput x: real[n]\nevaluate x[\n", encoding="utf-8")
    result = fmt(wrong, untidy)
    assert result.exit_code == 1
    assert "L011" in result.stderr
    assert untidy.read_text(encoding="utf-8") == TIDY
    assert wrong.read_text(encoding="utf-8").endswith("evaluate x[\n")


def test_several_specs_are_no_yaml_document(tmp_path):
    both = tmp_path / "both.lossc"
    both.write_text(UNTIDY + UNTIDY.replace("spec a", "spec b"), encoding="utf-8")
    result = fmt(both, "--to", "yaml")
    assert result.exit_code == 1
    assert f"{both}:3:6: error L006" in result.stderr
    assert fmt(both).exit_code == 0
    assert fmt(both, "--check").exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["a.lossc", "b.lossc", "--to", "yaml"],
        ["a.lossc", "b.lossc", "-o", "c.lossc"],
        ["a.lossc", "-"],
        ["a.lossc", "-o", "c.py"],
        ["a.lossc", "-o", "c.lossc", "--to", "yaml"],
        ["a.lossc", "--to", "json"],
        [],
    ],
)
def test_wrong_usage(arguments):
    assert fmt(*arguments).exit_code == 2
    assert not os.path.exists("c.lossc")


def test_what_cannot_be_read_is_told(tmp_path):
    assert "L001" in fmt(tmp_path / "none.lossc").stderr
    assert "L002" in fmt(tmp_path).stderr
