"""The project's files agree with each other."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import lossc

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("lossc", "compiler", "grammar", "models", "runtime", "specs")


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def constraints() -> dict[str, Version]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): Version(version) for name, version in pins}


def requirements(project: dict) -> list[Requirement]:
    extras = project["project"]["optional-dependencies"]
    lines = [
        *project["project"]["dependencies"],
        *(line for lines in extras.values() for line in lines),
    ]
    found = [Requirement(line) for line in lines]
    return [requirement for requirement in found if requirement.name != "lossc"]


def test_packages_are_the_folders_that_hold_modules(project):
    folders = {path.parent for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")}
    names = {
        ".".join(path.relative_to(ROOT).parts).removeprefix("lossc.")
        for path in folders
        if "__pycache__" not in path.parts
    }
    expected = {"lossc" if name == "lossc" else f"lossc.{name}" for name in names}
    assert set(project["tool"]["setuptools"]["packages"]) == expected
    assert [str(path) for path in folders if not (path / "__init__.py").is_file()] == []


def test_package_dir_maps_every_folder(project):
    mapped = project["tool"]["setuptools"]["package-dir"]
    assert mapped == {"lossc" if f == "lossc" else f"lossc.{f}": f for f in FOLDERS}


def test_package_data_is_listed_and_exists(project):
    listed = project["tool"]["setuptools"]["package-data"]
    folders = project["tool"]["setuptools"]["package-dir"]
    shipped = {
        path
        for package, patterns in listed.items()
        for pattern in patterns
        for path in (ROOT / folders[package]).glob(pattern)
    }
    for package in listed:
        assert any(path.parent == ROOT / folders[package] for path in shipped), package
    there = {
        path
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix != ".py" and "__pycache__" not in path.parts
    }
    assert {str(path) for path in there - shipped} == set()


def test_version_is_the_same_everywhere(project):
    version = project["project"]["version"]
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert lossc.__version__ == version
    assert re.search(r"^version: (.+)$", citation, re.MULTILINE).group(1) == version


def test_constraints_pin_every_direct_dependency(project):
    pins = constraints()
    assert pins["torch"].local is None  # the build (CPU, CUDA) is the installer's choice
    for requirement in requirements(project):
        assert canonicalize_name(requirement.name) in pins, requirement.name
        assert pins[canonicalize_name(requirement.name)] in requirement.specifier, requirement


def test_constraints_name_no_place_to_download_from():
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert "://" not in text
    assert "--" not in text


@pytest.mark.parametrize("tag", ["try", "test"])
def test_readme_has_one_command_in_each_block(tag):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(rf"^```sh[ \t]+{tag}[ \t]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 1
    command = blocks[0].strip()
    assert "\n" not in command
    assert "pip install -q -c constraints.txt -e" in command


def test_readme_installs_extras_that_exist(project):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"-e '\.\[(\w+)\]'", text))
    assert named
    assert named <= set(project["project"]["optional-dependencies"])


def test_ci_runs_the_readme(root):
    script = root / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "README.md" in script.read_text(encoding="utf-8")
    assert "pip install" not in script.read_text(encoding="utf-8")  # the README has it


def test_a_checkout_works_from_its_root_without_installation(tmp_path):
    code = "import lossc.grammar.source as source; print(source.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {code}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(done.stdout.strip()) == ROOT / "grammar" / "source.py"


def test_public_names_resolve_on_first_use():
    assert set(lossc.__all__) <= set(dir(lossc))
    for name in lossc.__all__:
        assert getattr(lossc, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'lost'"):
        lossc.lost  # noqa: B018


def test_importing_lossc_is_light(tmp_path):
    code = (
        "import sys, lossc; print(sorted({'torch', 'sympy', 'lark', 'typer'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {code}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
