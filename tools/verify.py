"""Run every check of the project: lint, format, types, tests. One summary line for each."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
CHECKS = {
    "lint": [PYTHON, "-m", "ruff", "check", "--quiet", "."],
    "format": [PYTHON, "-m", "ruff", "format", "--check", "--quiet", "."],
    "types": [PYTHON, "tools/typecheck.py"],
    "tests": [PYTHON, "-m", "pytest", "-q", "-n", "2"],
}


def main() -> int:
    """Run all checks even when one fails. Returns 1 if any did."""
    summary = []
    for name, command in CHECKS.items():
        print(f"== {name}", flush=True)
        start = time.monotonic()
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
        verdict = "ok" if code == 0 else f"FAILED (exit {code})"
        summary.append((f"{name:<7} {verdict}, {time.monotonic() - start:.0f} s", code))
    print("== summary")
    for line, _ in summary:
        print(line)
    return int(any(code for _, code in summary))


if __name__ == "__main__":
    sys.exit(main())
