"""Where specs come from: names, files, texts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lossc import specs
from lossc.grammar.errors import SpecError
from lossc.grammar.load import load, load_all

TEXT = "spec mine\ninput x: real[n]\nloss mean[i] x[i]\n"
YAML = "lossc: 1\nname: mine\ninputs:\n  x: real[n]\nloss: mean[i] x[i]\n"


def refused(reference: object, **options: object) -> str:
    with pytest.raises(SpecError) as caught:
        load(reference, **options)  # type: ignore[arg-type]
    return str(caught.value)


def test_a_name_a_path_a_text(tmp_path: Path) -> None:
    (tmp_path / "mine.lossc").write_text(TEXT, encoding="utf-8")
    (tmp_path / "mine.yml").write_text(YAML, encoding="utf-8")
    mine = load(TEXT)
    assert load(tmp_path / "mine.lossc") == load(str(tmp_path / "mine.yml")) == mine
    assert load(YAML) == load(TEXT.replace("\n", " ")) == mine
    assert load("# a comment\n\n" + YAML) == load("# a comment: yes\n" + TEXT) == mine
    assert load(specs.path("auroc")) == load("auroc")


def test_folders_come_before_the_library(tmp_path: Path) -> None:
    (tmp_path / "auroc.lossc").write_text(TEXT, encoding="utf-8")
    assert load("auroc", folders=[tmp_path]).name.id == "mine"
    assert load("auroc").name.id == "auroc"
    (tmp_path / "special.lossc").write_text(TEXT, encoding="utf-8")
    assert "did you mean 'special'?" in refused("specail", folders=[tmp_path])


def test_a_file_of_several_specs(tmp_path: Path) -> None:
    file = tmp_path / "several.lossc"
    file.write_text(TEXT + TEXT.replace("mine", "yours"), encoding="utf-8")
    assert load(f"{file}::yours").name.id == "yours"
    assert [spec.name.id for spec in load_all(file)] == ["mine", "yours"]
    assert "one of: mine, yours" in refused(file)
    assert "did you mean 'yours'?" in refused(f"{file}::yuors")
    assert "2 specs" in refused(file.read_text(encoding="utf-8"))


def test_files_that_are_no_specs(tmp_path: Path) -> None:
    assert "[not-text]" in refused(tmp_path / "..")
    (tmp_path / "latin.lossc").write_bytes(TEXT.encode() + "# ü".encode("latin-1"))
    assert "line 4 is not UTF-8" in refused(tmp_path / "latin.lossc")
    (tmp_path / "nul.lossc").write_bytes(b"spec \0")
    assert "[not-text]" in refused(tmp_path / "nul.lossc")
    (tmp_path / "mark.lossc").write_bytes(b"\xef\xbb\xbf" + TEXT.encode())
    assert load(tmp_path / "mark.lossc") == load(TEXT)
    with (tmp_path / "huge.lossc").open("wb") as stream:
        stream.truncate(10**9)
    assert "[too-large]" in refused(tmp_path / "huge.lossc")
    (tmp_path / "near.lossc").write_text(TEXT, encoding="utf-8")
    assert "did you mean 'near.lossc'?" in refused(tmp_path / "naer.lossc")


@pytest.mark.parametrize(
    "reference", ["", ".", "acuracy", "a" * 10_000, "a\0b", "::", "x::y", "/no/such/file", "é"]
)
def test_references_to_nothing(reference: str) -> None:
    assert " error L00" in refused(reference)


def test_names_are_listed_without_torch() -> None:
    code = (
        "import sys; from lossc import specs; from lossc.grammar.load import load;"
        "[load(name).doc for name in specs.names()];"
        "sys.exit(bool({'torch', 'sympy', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_unknown_bundled_names() -> None:
    with pytest.raises(KeyError):
        specs.path("../accuracy")
