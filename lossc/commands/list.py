"""``lossc list``: what comes with lossc."""

from __future__ import annotations

from collections.abc import Mapping

from lossc import catalog
from lossc.commands.options import Json, Specs
from lossc.commands.output import print_json, print_table


def list_all(folders: Specs = None, as_json: Json = False) -> None:
    """List the bundled specs, your own, surrogates and tasks."""
    own = catalog.own_specs(folders or ())
    tables = {
        "specs": catalog.specs(),
        "steps": catalog.STEPS,
        "interpolations": catalog.INTERPOLATIONS,
        "tasks": catalog.tasks(),
    }
    _show(tables, as_json, own)


def print_tasks(as_json: bool) -> None:
    """The tasks alone, for ``lossc train --list``."""
    _show({"tasks": catalog.tasks()}, as_json)


def _show(
    tables: dict[str, dict[str, str]],
    as_json: bool,
    own: Mapping[str, dict[str, str]] = {},
) -> None:
    hides = _hidden(own, tables.get("specs", {}))
    if as_json:
        figures: dict[str, object] = {
            title: [{"name": name, "doc": doc} for name, doc in table.items()]
            for title, table in tables.items()
        }
        if own:
            figures["own specs"] = [
                {"name": name, "doc": doc, "folder": folder, "hides": hides.get((folder, name))}
                for folder, table in own.items()
                for name, doc in table.items()
            ]
        print_json(figures)
        return
    for folder, table in own.items():
        rows = []
        for name, doc in table.items():
            other = hides.get((folder, name))
            rows.append((name, doc, f"in place of {other}" if other else ""))
        print(f"specs in {folder}")  # not in the table, which would break a long path
        print_table(("own specs", "", ""), rows)
    for title, table in tables.items():
        print_table((title, ""), table.items())


def _hidden(
    own: Mapping[str, dict[str, str]], bundled: Mapping[str, str]
) -> dict[tuple[str, str], str]:
    """What each of the user's specs is found in place of: a bundled one, or one further back."""
    hides = {}
    folders = list(own)
    for place, folder in enumerate(folders):
        for name in own[folder]:
            later = [other for other in folders[place + 1 :] if name in own[other]]
            if later or name in bundled:
                hides[folder, name] = f"{later[0]}/{name}" if later else f"the bundled {name}"
    return hides
