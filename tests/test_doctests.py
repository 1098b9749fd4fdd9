"""Every example in a docstring runs."""

from __future__ import annotations

import doctest
import pkgutil
from importlib import import_module

import pytest

import lossc

OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
# the repository's root is on lossc's path: look at the package's own folders only
FOLDERS = ("commands", "compiler", "grammar", "models", "runtime", "specs")


def modules() -> list[str]:
    found = ["lossc", "lossc.api", "lossc.catalog", "lossc.cli", "lossc.importer"]
    for folder in FOLDERS:
        package = import_module(f"lossc.{folder}")
        found.append(package.__name__)
        walked = pkgutil.walk_packages(package.__path__, prefix=f"{package.__name__}.")
        found += [module.name for module in walked]
    return found


@pytest.mark.parametrize("name", modules())
def test_examples_run(name):
    outcome = doctest.testmod(import_module(name), optionflags=OPTIONS)
    assert outcome.failed == 0


def test_the_walk_finds_modules():
    assert "lossc.commands.options" in modules()
    assert "lossc.grammar.source" in modules()
    assert lossc.__name__ in modules()
