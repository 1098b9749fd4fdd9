"""Large, deep and strange specs compile soon, or are refused at their place, in little memory."""

from __future__ import annotations

import ast
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lossc.compiler.compile import compile_spec
from lossc.grammar.errors import SpecError

SECONDS = 8.0  # generous: the machine may be busy, and what doubles at every step takes years
MEGABYTES = 500
HEAD = "spec t\ninput score: real[n]\ninput relevant: bool[n]\n"
FIRST = "let a0 = mean[i | relevant[i]] [score[i] > 0] else 0\n"
GOAL = "evaluate mean[i | relevant[i]] [score[i] > 0] else 0\n"


def doubled(count: int, step: str) -> str:
    """Definitions that use the one before twice."""
    lets = [
        f"let a{k + 1} = {step.replace('SELF', f'a{k}').replace('K', str(k))}\n"
        for k in range(count)
    ]
    return HEAD + FIRST + "".join(lets) + f"evaluate a{count}\n"


COMPILES = {
    "sums of themselves": doubled(60, "SELF + SELF"),
    "products with themselves": doubled(60, "SELF * SELF"),
    "the larger of themselves": doubled(60, "max(SELF, SELF + 1)"),
    "shares of themselves": doubled(25, "SELF / (1 + SELF)"),
    "losses": HEAD
    + "let a0 = mean[i] score[i]^2 else 0\n"
    + "".join(f"let a{k + 1} = tanh(a{k}) + a{k}\n" for k in range(60))
    + "loss a60\n",
    "defaults of defaults": HEAD
    + "evaluate "
    + "(mean[i | relevant[i]] [score[i] > 0]) else " * 80
    + "0",
    "a long range": HEAD + "evaluate mean[i, r in 1..4096] [score[i] > r] else 0",
    "many params": HEAD + "".join(f"param x{k} = {k}\n" for k in range(1_000)) + GOAL,
    "carriage returns": (HEAD + GOAL).replace("\n", "\r\n"),
    "a byte order mark": "\ufeff" + HEAD + GOAL,
    "a long name": (HEAD + GOAL).replace("score", "s" * 5_000),
    "a long text": f'spec t\ndoc "{"x y " * 5_000}"\n' + (HEAD + GOAL).removeprefix("spec t\n"),
    "braces": 'spec t\ndoc "{0} {self} %s \\\\N{x} \'\'\' \\"\\"\\""\n'
    + (HEAD + GOAL).removeprefix("spec t\n"),
    "the smallest number": HEAD + "evaluate mean[i] [score[i] > 1e-320] else 0",
    "choices of themselves": doubled(60, "where(n > K, SELF, SELF + 1)"),
    "conditions of themselves": HEAD
    + "let a0[i] = [relevant[i]]\n"
    + "".join(f"let a{k + 1}[i] = [a{k}[i] > 0 or a{k}[i] < 0]\n" for k in range(50))
    + "evaluate mean[i | a50[i]] [score[i] > 0] else 0",
    "many families": HEAD
    + "".join(f"let x{k} = mean[i | relevant[i]] [score[i] > {k}] else 0\n" for k in range(90))
    + "evaluate "
    + " + ".join(f"x{k}" for k in range(90)),
    "many thresholds": HEAD
    + f"evaluate mean[i] [{' and '.join(f'score[i] > {k}' for k in range(90))}]",
    "eight indices": HEAD
    + "evaluate "
    + "".join(f"mean[i{k}] " for k in range(8))
    + f"[{' + '.join(f'score[i{k}]' for k in range(8))} > 0]",
    "a written range as a subscript": HEAD
    + "let a[i in 0..9] = [score[i] > 0]\nevaluate mean[i in 0..9] a[i] else 0",
    "a large fixed dim": "spec t\ninput s: real[65536]\ninput y: int\n"
    "evaluate [(argmax[j] s[j]) == y]",
    "a high power": HEAD + "evaluate (mean[i | relevant[i]] [score[i] > 0])^1000 else 0",
}
REFUSED = {
    "many terms": (HEAD + "evaluate " + " + ".join(["[score[0] > 0]"] * 10_000), "too-large"),
    "many definitions in one": (doubled(300, "SELF + 1"), "too-large"),
    "a NUL": (HEAD + "\0" + GOAL, "not-text"),
    "digits": (HEAD + "let a = 1" + "0" * 300 + "\n" + GOAL, "bad-number"),
    "a number between two": (HEAD + "param a = 9007199254740993\n" + GOAL, "bad-number"),
    "pairs of a fixed dim": (
        "spec t\ninput s: real[60000]\nevaluate mean[i, j | i < j] [s[i] > s[j]]",
        "too-large",
    ),
    "pairs of an argmax": (
        "spec t\ninput s: real[4096]\ninput y: target real\n"
        "minimize abs((argmax[j] s[j]) - y)\ntruth s[j] = -abs(j - y)",
        "too-large",
    ),
    "fixed dims": (
        "spec t\ninput s: real[4096, 4096]\nevaluate mean[i, j] [s[i, j] > 0]",
        "too-large",
    ),
    "a power of a dim": (HEAD + "let a = n^64\nevaluate mean[i] [score[i] > 0] * a", "bad-number"),
    "a large example": (
        HEAD + GOAL + f"example score = [{'1, ' * 9_999}1], relevant = [1] gives 1\n",
        "too-large",
    ),
}


@pytest.mark.parametrize("name", COMPILES)
def test_a_large_spec_compiles_soon_to_a_short_text(name: str) -> None:
    begin = time.perf_counter()
    one = compile_spec(COMPILES[name])
    stages, source = str(one.stages), one.source()
    assert time.perf_counter() - begin < SECONDS
    assert len(stages) < 100_000 and len(source) < 500_000
    ast.parse(source)


@pytest.mark.parametrize("name", REFUSED)
def test_a_text_that_is_too_much_is_refused_at_its_place(name: str) -> None:
    text, rule = REFUSED[name]
    begin = time.perf_counter()
    with pytest.raises(SpecError) as caught:
        compile_spec(text)
    assert time.perf_counter() - begin < SECONDS
    assert {each.rule for each in caught.value.diagnostics} == {rule}
    assert all(each.span is not None for each in caught.value.diagnostics)


def test_all_of_them_take_little_memory(tmp_path: Path) -> None:
    """What they add to an interpreter that has compiled something before, in one process."""
    script = tmp_path / "memory.py"
    script.write_text(
        "import resource\n"
        "from lossc.compiler.compile import compile_spec\n"
        "from lossc.grammar.errors import SpecError\n"
        "from tests.properties.test_large_specs import COMPILES, REFUSED\n"
        "def peak():\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024\n"
        "compile_spec('accuracy')\n"
        "before = peak()\n"
        "for text in [*COMPILES.values(), *(text for text, _ in REFUSED.values())]:\n"
        "    try:\n"
        "        compile_spec(text)\n"
        "    except SpecError:\n"
        "        pass\n"
        "print(peak() - before)\n",
        encoding="utf-8",
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=root,
        env={"PYTHONPATH": str(root), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < MEGABYTES
