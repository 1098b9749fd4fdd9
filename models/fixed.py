"""What fields of a recipe and of its parts are, where that is not clear from their types."""

from __future__ import annotations

from collections.abc import Mapping

#: Metadata of a dataclass's field that users do not set: it follows from the data or the task.
FIXED: Mapping[str, bool] = {"fixed": True}

#: Metadata of a dataclass's field with the path of a file: what is in it makes a run another one.
FILE: Mapping[str, bool] = {"file": True}
