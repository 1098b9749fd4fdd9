"""What ``lossc list`` shows, found without importing torch or sympy."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

#: The stand-ins for the step, by name; tests compare them with the runtime's own table.
STEPS = {
    "sigmoid": "the logistic function of comparison / temperature",
}

#: The stand-ins for the metric as a function of its binaries.
INTERPOLATIONS = {
    "idw": "inverse distance weighting between sampled configurations (UniLoss, eq. 10)",
}


def specs() -> dict[str, str]:
    """The bundled specs and what each says of itself.

    Raises:
        SpecError: A bundled spec does not parse.
    """
    import lossc.specs
    from lossc.grammar.load import load

    return {name: load(name).doc or "" for name in sorted(lossc.specs.names())}


def tasks() -> dict[str, str]:
    """The bundled tasks: one file of ``models/recipes`` each, described by its first line."""
    return {
        path.stem.replace("_", "-"): _first_line(path)
        for folder in _folders("lossc.models.recipes")
        for path in sorted(folder.glob("*.py"))
        if not path.stem.startswith("_")
    }


def _folders(package: str) -> Iterator[Path]:
    found = find_spec(package)
    for location in (found and found.submodule_search_locations) or []:
        yield Path(location)


def _first_line(path: Path) -> str:
    """The first line of a module's docstring, read and not run."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0]
