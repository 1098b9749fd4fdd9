"""Tables and JSON on standard output."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> None:
    """Print ``rows`` as a table; cells are shown as they are, brackets and all."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=200)  # in a file or pipe nothing needs to wrap
    table = Table(
        title=Text(title, style="bold") if title else None, title_justify="left", box=SIMPLE_HEAD
    )
    for column in columns:
        table.add_column(Text(column), overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    console.print(table)


def print_json(data: object) -> None:
    """Print ``data`` as JSON; NaN and infinities, which JSON does not have, become null."""
    print(json.dumps(_plain(data), indent=2, allow_nan=False, ensure_ascii=False))


def _plain(data: object) -> Any:
    match data:
        case float():
            return data if math.isfinite(data) else None
        case None | bool() | int() | str():
            return data
        case Mapping():
            return {str(key): _plain(value) for key, value in data.items()}
        case Iterable():
            return [_plain(value) for value in data]
    return str(data)
