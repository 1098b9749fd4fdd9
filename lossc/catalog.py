"""What ``lossc list`` shows, found without importing torch or sympy."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lossc.grammar.folders import Folders

#: The stand-ins for the step, by name; tests compare them with the runtime's own table.
STEPS = {
    "sigmoid": "the logistic function of comparison / temperature (UniLoss, eq. 9)",
    "laplace": "the distribution function of Laplace: one exponential, the fastest",
    "arctan": "that of Cauchy: tails that never lose their gradient",
    "algebraic": "z / sqrt(1 + z^2), brought to 0 and 1: tails between those two",
    "smoothstep": "a cubic between -temperature and temperature; not with idw",
    "hard_sigmoid": "a line between -temperature and temperature; not with idw",
    "straight_through": "the bit itself, with the slope of the sigmoid; not with idw",
}

#: The stand-ins for the metric as a function of its binaries.
INTERPOLATIONS = {
    "idw": "inverse distance weighting between sampled configurations (UniLoss, eq. 10)",
    "substitute": "relaxed binaries in the metric itself, by a t-norm (AP: Smooth-AP)",
    "multilinear": "the expectation under independent binaries: in closed form, or by sampling",
    "bound": "hinges: a lower bound of a metric that never falls when a comparison is won",
    "perturbed": "noise on the scores and the metric as it is: the black-box baseline",
}


def specs() -> dict[str, str]:
    """The bundled specs, and the first sentence of what each says of itself.

    Raises:
        SpecError: A bundled spec does not parse.
    """
    import lossc.specs
    from lossc.grammar.load import load

    return {name: _first_sentence(load(name).doc or "") for name in sorted(lossc.specs.names())}


def own_specs(folders: Folders = ()) -> dict[str, dict[str, str]]:
    """The user's own specs: what each says of itself, by name, by folder.

    Args:
        folders: Searched before those of the variable ``LOSSC_SPECS``.

    Raises:
        SpecError: One of the folders is missing.
    """
    from lossc.grammar.folders import search_path, specs_in

    found: dict[str, dict[str, str]] = {}
    for folder in search_path(folders):
        found[str(folder)] = {name: _said(path) for name, path in sorted(specs_in(folder).items())}
    return found


def _said(path: Path) -> str:
    """What a file's specs say of themselves, or what is wrong with the file."""
    from lossc.grammar.errors import SpecError
    from lossc.grammar.load import load_all

    try:
        return "; ".join(spec.doc for spec in load_all(path) if spec.doc)
    except SpecError as error:
        return f"cannot be read: {error.diagnostics[0].message}"


def tasks() -> dict[str, str]:
    """The bundled tasks: one file of ``models/recipes`` each, described by its first line."""
    return {
        path.stem.replace("_", "-"): _first_line(path)
        for folder in _folders("lossc.models.recipes")
        for path in sorted(folder.glob("*.py"))
        if not path.stem.startswith("_")
    }


def _first_sentence(text: str) -> str:
    sentence, stop, _ = text.partition(". ")
    return sentence + stop.rstrip()


def _folders(package: str) -> Iterator[Path]:
    found = find_spec(package)
    for location in (found and found.submodule_search_locations) or []:
        yield Path(location)


def _first_line(path: Path) -> str:
    """The first line of a module's docstring, read and not run."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0]
