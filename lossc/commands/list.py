"""``lossc list``: what comes with lossc."""

from __future__ import annotations

from lossc import catalog
from lossc.commands.options import Json
from lossc.commands.output import print_json, print_table


def list_all(as_json: Json = False) -> None:
    """List the bundled specs, surrogates and tasks."""
    tables = {
        "specs": catalog.specs(),
        "steps": catalog.STEPS,
        "interpolations": catalog.INTERPOLATIONS,
        "tasks": catalog.tasks(),
    }
    _show(tables, as_json)


def print_tasks(as_json: bool) -> None:
    """The tasks alone, for ``lossc train --list``."""
    _show({"tasks": catalog.tasks()}, as_json)


def _show(tables: dict[str, dict[str, str]], as_json: bool) -> None:
    if as_json:
        print_json(
            {
                title: [{"name": name, "doc": doc} for name, doc in table.items()]
                for title, table in tables.items()
            }
        )
        return
    for title, table in tables.items():
        print_table((title, ""), table.items())
