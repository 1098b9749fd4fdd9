from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEADS = {
    "crossover": "| pairs | sigmoid: written out, ms | sorted, ms | laplace: written out, ms |",
    "average-precision": "| loss | n | ms | quartiles | times ours | MB | AP | value error |",
    "scaling": "| ms / MB | 100 | 500 | slope from 100 |",
    "accuracy": "| batch x classes | ours, ms | cross entropy, ms | times cross entropy |",
    "pckh": "| loss | map | ms | quartiles | MB | value against dense | gradient against dense |",
}


def script(*words: str) -> str:
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_the_quick_tables_have_their_columns_and_are_right(tmp_path):
    document, figures = tmp_path / "b.md", tmp_path / "b.json"
    document.write_text("Before.\n\n<!-- crossover -->\nold\n<!-- /crossover -->\n\nAfter.\n")
    words = ("--quick", "--markdown", str(document), "--json", str(figures))
    printed = script("benchmarks/ranking.py", *words)
    written = document.read_text()
    assert written.startswith("Before.\n\n<!-- crossover -->\n| pairs |")
    assert "\nAfter.\n" in written and "old" not in written
    for name, head in HEADS.items():
        assert f"## {name}\n\n{head}" in printed
        assert f"<!-- {name} -->\n{head}" in written
    found = json.loads(figures.read_text())
    for row in found["average-precision"]["rows"]:
        assert row["ap"] > 0
        assert row.get("value_error", 0) < 1e-5 and row.get("gradient_error", 0) < 1e-4
    for row in found["pckh"]:
        assert row.get("gradient_error", 0) < 1e-4


def test_memory_is_that_of_a_fresh_process():
    words = ("average_precision", "dense Smooth-AP, n x n", "1024")
    grown = json.loads(script("benchmarks/cases.py", *words))
    assert 4 < grown < 200  # at least one of n x n numbers of 4 bytes


def test_peers_that_are_not_there_are_left_out_with_a_note():
    found = json.loads(script("benchmarks/peers.py", "--sizes", "64", "--seconds", "0.01"))
    there = {row["peer"] for row in found["rows"] if row["peer"]}
    assert there == set(found["versions"])
    assert not there & set(found["missing"])
    assert set(found["missing"]) | there >= {"libauc", "rax", "torchsort"}
