from __future__ import annotations

import io
import json
import math
from dataclasses import replace

import pytest
import torch
from rich.console import Console

from lossc.models.command import train_command
from lossc.models.display import Display
from lossc.models.losses import resolve
from lossc.models.parallel import run_all
from lossc.models.recipes import RECIPES
from lossc.models.recorder import Progress
from lossc.models.run import Failure, Job, Run
from lossc.models.trainer import train


def test_two_losses_side_by_side(tmp_path, capsys):
    code = train_command(
        task="digits",
        losses=["cross_entropy", "cross_entropy(lr=0.01)"],
        seeds=2,
        epochs=2,
        batch_size=32,
        out=tmp_path,
    )
    out, err = capsys.readouterr()
    assert code == 0
    assert "cross_entropy(lr=0.01)" in out
    assert "±" in out
    assert str(tmp_path / "curves.png") in out
    assert err.count("test accuracy") == 4
    assert (tmp_path / "curves.png").is_file()
    assert (tmp_path / "cross_entropy" / "1" / "last.ckpt").is_file()


def test_json_is_alone_on_standard_output(tmp_path, capsys):
    code = train_command(
        task="digits", losses=["cross_entropy"], quick=True, out=tmp_path, as_json=True, lr=0.2
    )
    figures = json.loads(capsys.readouterr().out)
    assert code == 0
    assert figures == json.loads((tmp_path / "table.json").read_text())
    assert (figures["epochs"], figures["losses"][0]["learning_rate"]) == (5, 0.2)


def test_a_run_that_fails_does_not_stop_the_others(tmp_path, capsys):
    code = train_command(
        task="digits", losses=["cross_entropy(lr=1e30)", "cross_entropy"], epochs=1, out=tmp_path
    )
    out, err = capsys.readouterr()
    assert code == 1
    assert "failed loss 'cross_entropy(lr=1e30)', seed 0" in err
    assert "0 (1 failed)" in out


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"task": "digit"}, "did you mean 'digits'?"),
        ({"task": "digits", "losses": ["crossentropy"]}, "did you mean 'cross_entropy'?"),
        ({"task": "digits", "losses": ["bce"]}, "the task provides: scores"),
        ({"task": "digits", "losses": ["cross_entropy"] * 2}, "is given twice"),
        ({"task": "mnist-ap", "losses": ["bce"], "data": "EMPTY"}, "put the four files"),
    ],
)
def test_what_is_wrong_shows_before_anything_is_trained(tmp_path, capsys, options, expected):
    if options.get("data") == "EMPTY":
        options = {**options, "data": tmp_path}
    out = tmp_path / "out"
    assert train_command(**options, out=out) == 1
    printed = capsys.readouterr()
    assert expected in printed.err
    assert printed.out == ""
    assert not out.exists()


def test_workers_give_the_same_figures(make_job):
    jobs = [make_job(seed=0, folder="a"), make_job("cross_entropy(lr=1e30)", folder="b")]
    words = []
    one, failed = run_all(jobs, 2, lambda index, word: words.append((index, word)))
    assert isinstance(failed, Failure)
    assert "the loss is" in failed.reason
    (here,) = run_all([make_job(seed=0, folder="c")], 2, lambda index, word: None)
    assert isinstance(one, Run)
    assert (one.test, one.validation) == (here.test, here.validation)
    assert {index for index, word in words if not isinstance(word, Progress)} == {0, 1}


def test_bars_on_a_terminal(make_job, monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")  # a dumb terminal shows the last state only
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=150, highlight=False)
    jobs = [make_job(seed=0), make_job(seed=1)]
    with Display(jobs, console) as display:
        display(0, Progress(1.5, 5, None))
        display(0, Progress(2.0, 5, 0.91))
        display(1, Progress(0.5, 5, None))
        display(0, Failure(jobs[0], "the loss is nan [at once]"))
    assert "cross_entropy, seed 1" in text.getvalue()
    assert "0.91000" in text.getvalue()
    assert "the loss is nan [at once]" in text.getvalue()


def test_a_line_now_and_then_in_a_file(make_job):
    text = io.StringIO()
    jobs = [make_job(seed=0), make_job(seed=1)]
    with Display(jobs, Console(file=text, highlight=False), every=0) as display:
        display(0, Progress(1.5, 5, None))
        display(1, Progress(2.0, 5, 0.91))
    assert text.getvalue().splitlines() == [
        "cross_entropy, seed 0: epoch 1/5",
        "cross_entropy, seed 1: epoch 2/5, validation accuracy 0.91000",
    ]
    quiet = io.StringIO()
    with Display(jobs, Console(file=quiet, highlight=False), every=3600) as display:
        display(0, Progress(1.5, 5, None))
        display(0, Progress(2.0, 5, 0.91))
    assert not quiet.getvalue()


def test_a_precision_that_is_not_offered_is_said(capsys, tmp_path):
    assert train_command(task="digits", precision="64-true", out=tmp_path) == 1
    said = capsys.readouterr().err
    assert said.startswith("unknown precision '64-true'\n  expected: one of: 32-true, bf16-mixed")


def test_an_input_may_have_a_name_that_is_none_in_python(tmp_path):
    """The generated ``forward`` calls it ``goal_``."""
    spec = tmp_path / "squares.lossc"
    spec.write_text(
        "spec squares\ninput scores: real[n, p]\ninput goal: target real[n, p]\n"
        "loss mean[i, c] (scores[i, c] - goal[i, c])^2 else 0\n"
    )
    recipe = RECIPES["digits"]
    squares = replace(
        recipe,
        provides={**recipe.provides, "goal": "target real[n, p]"},
        inputs=with_goal,
        epochs=1,
    )
    job = Job(squares, resolve(str(spec), squares), 0, 0.1, tmp_path / "run")
    assert math.isfinite(train(job).history[0]["loss"])


def with_goal(output, targets):
    inputs = RECIPES["digits"].inputs(output, targets)
    return {**inputs, "goal": torch.zeros_like(output)}
