"""Run mypy over the package, strictly.

The folders compiler/, grammar/, ... import as lossc.<folder>, and mypy does not read package-dir:
this lays links to them out in ``.links/lossc`` as the package that they are, and checks that.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINKS = ROOT / ".links"
FOLDERS = ("compiler", "grammar", "models", "runtime", "specs")


def lay_links() -> None:
    """Make ``.links/lossc`` the whole package: the face's own files, and one link a folder."""
    package = LINKS / "lossc"
    shutil.rmtree(package, ignore_errors=True)
    package.mkdir(parents=True)
    faces = [path for path in (ROOT / "lossc").iterdir() if path.name != "__pycache__"]
    for target in [*faces, *(ROOT / folder for folder in FOLDERS)]:
        (package / target.name).symlink_to(target, target_is_directory=target.is_dir())


def real_paths(text: str) -> str:
    """Mypy's report with the paths of the repository instead of the links'."""
    folders = "|".join(FOLDERS)
    return re.sub(rf"^lossc/(?=(?:{folders})/)", "", text, flags=re.MULTILINE)


def main(arguments: list[str]) -> int:
    """Check the package; further arguments go to mypy. Returns mypy's exit code."""
    lay_links()
    command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml")]
    command += ["--cache-dir", str(ROOT / ".mypy_cache"), "-p", "lossc", *arguments]
    done = subprocess.run(command, cwd=LINKS, capture_output=True, text=True, check=False)
    sys.stdout.write(real_paths(done.stdout))
    sys.stderr.write(done.stderr)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
