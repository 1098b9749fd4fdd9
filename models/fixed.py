"""Which fields of a recipe and of its parts are no settings."""

from __future__ import annotations

from collections.abc import Mapping

#: Metadata of a dataclass's field that users do not set: it follows from the data or the task.
FIXED: Mapping[str, bool] = {"fixed": True}
