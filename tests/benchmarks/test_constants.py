from __future__ import annotations

import re
from pathlib import Path

from lossc.runtime.pair_counts import most_pairs_written_out

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"


def test_as_many_pairs_are_written_out_as_the_benchmark_states():
    stated = re.search(r"`most_pairs_written_out\(\)` is ([\d,]+)", DOCUMENT.read_text())
    assert stated is not None
    assert int(stated[1].replace(",", "")) == most_pairs_written_out()
