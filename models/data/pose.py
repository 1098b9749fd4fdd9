"""The data of the pose task: photographs from a folder, in any of four formats, or figures."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from lossc.models.data.lsp import find_lsp, lsp
from lossc.models.data.mnist_files import DATA_VARIABLE
from lossc.models.data.mpii import ONE_FILE, RELEASE, SPLIT_FILES, find_mpii, mpii
from lossc.models.data.pose_json import ANNOTATIONS, find_pose_json, pose_json
from lossc.models.data.pose_people import People, splits
from lossc.models.data.rendered_figures import rendered_figures
from lossc.models.data.split import Splits
from lossc.models.errors import DataError, MissingData


@dataclass(frozen=True)
class PoseData:
    """Loads photographs of people as squares, or rendered figures where no folder is named.

    Features are ``uint8[n, 3, s, s]``; joints, in MPII's order, and lengths are shares of the
    square's side.

    Args:
        side: Pixels of the squares for validation and test; figures have their own.
        margin: By what the training squares are larger, for the augmentation to choose from.
        figures: Fall back on rendered figures.
    """

    side: int
    margin: float
    figures: bool = True

    def __call__(self, directory: Path | None) -> Splits:
        """The three sets.

        Args:
            directory: A folder of the user. ``None``, or the one in ``LOSSC_DATA``, which is for
                all tasks: that one, where it has pose data, else rendered figures.

        Raises:
            DataError: The folder has no pose data, or what it has is damaged.
        """
        named = os.environ.get(DATA_VARIABLE)
        common = Path(named) if named else None
        if directory is None or directory == common:
            if self.figures and (common is None or find(common) is None):
                return rendered_figures()
            directory = common
        if directory is None:
            raise MissingData(f"the task needs photographs of people: name their folder\n{HINT}")
        return _loaded(directory.absolute(), self.side, self.margin)


HINT = f"""  expected, in DIR of --data DIR (or {DATA_VARIABLE}), one of:
    MPII: {RELEASE} beside images/; or {ONE_FILE}, or {" and ".join(SPLIT_FILES)}
    LSP, LSPET: joints.mat beside images/, or both in folders lsp/ and lspet/
    JSON: {ANNOTATIONS} beside images/, or a folder with them packed as NAME-pose-NAME.tar.gz"""


def find(directory: Path) -> People | None:
    """The people that are annotated in a folder, and ``None`` where there is no annotation.

    Raises:
        DataError: An annotation is damaged.
    """
    if (path := find_mpii(directory)) is not None:
        return mpii(path)
    if paths := find_lsp(directory):
        return lsp(paths)
    if (path := find_pose_json(directory)) is not None:
        return pose_json(path)
    return None


@lru_cache(maxsize=2)
def _loaded(directory: Path, side: int, margin: float) -> Splits:
    if not directory.exists():
        raise DataError(f"{directory}: there is no such folder\n{HINT}")
    people = find(directory)
    if people is None:
        raise MissingData(f"{directory}: no pose data\n{HINT}")
    return splits(people, side, margin)
