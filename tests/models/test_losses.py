from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from lossc.grammar.errors import SpecError
from lossc.models import losses
from lossc.models.baselines import BASELINE_INPUTS, BASELINES
from lossc.models.errors import TaskError
from lossc.models.losses import resolve
from lossc.models.recipes import RECIPES

DIGITS = RECIPES["digits"]
MNIST = RECIPES["mnist-ap"]

CUSTOM = """
spec hits
input score: real[n]
input relevant: bool[n]
evaluate mean[i, j | relevant[i] and not relevant[j]] [score[i] > score[j]] else 0
"""


@pytest.fixture
def built(monkeypatch):
    """What the compiler is called with."""
    calls = []

    def compile_spec(name, **options):
        calls.append((name, options))
        return SimpleNamespace(loss=torch.nn.Identity)

    monkeypatch.setattr(losses, "compile_spec", compile_spec)
    return calls


def test_the_baselines_are_those_of_torch():
    scores, label = torch.randn(4, 3), torch.tensor([0, 2, 1, 1])
    loss = resolve("cross_entropy", DIGITS).build(seed=0)
    assert loss(scores=scores, label=label) == F.cross_entropy(scores, label)
    score, relevant = torch.randn(4), torch.tensor([True, False, True, True])
    want = F.binary_cross_entropy(torch.sigmoid(score), relevant.float())
    torch.testing.assert_close(resolve("bce", MNIST).build(0)(score=score, relevant=relevant), want)


def test_every_baseline_says_what_it_takes():
    assert BASELINES.keys() == BASELINE_INPUTS.keys()


def test_a_bundled_spec(built):
    choice = resolve("accuracy", DIGITS)
    assert (choice.name, choice.takes, choice.folder) == (
        "accuracy",
        ("scores", "label"),
        "accuracy",
    )
    choice.build(seed=3)
    (name, options) = built.pop()
    assert name == "accuracy"
    assert options["seed"] == 3
    assert (options["step"], options["interpolation"], options["squash"]) == (None, None, None)


def test_options_in_the_text(built):
    choice = resolve(
        "interpolated_average_precision(interpolation=idw(gradient=published, good=8), "
        "squash=sigmoid, step=sigmoid(temperature=0.5), transform=log, lr=0.1, seed=7)",
        MNIST,
    )
    assert choice.learning_rate == 0.1
    choice.build(seed=3)
    assert built.pop() == (
        "interpolated_average_precision",
        {
            "params": {},
            "step": "sigmoid(temperature=0.5)",
            "interpolation": "idw(gradient=published, good=8)",
            "squash": "sigmoid",
            "transform": "log",
            "schedule": None,
            "seed": 7,
            "gather": "none",
            "folders": (),
        },
    )


def test_any_other_key_is_a_param(built):
    resolve("top_k_accuracy(k=3)", DIGITS).build(0)
    assert built.pop()[1]["params"] == {"k": 3}


def test_defaults_are_for_those_who_choose_nothing(built):
    defaults = {"step": None, "squash": "sigmoid", "interpolation": "idw(good=4)"}
    resolve("accuracy(squash=none)", DIGITS, defaults).build(0)
    options = built.pop()[1]
    assert (options["step"], options["squash"]) == (None, "none")
    assert options["interpolation"] == "idw(good=4)"


def test_a_spec_file_with_brackets_in_its_name(built, tmp_path):
    path = tmp_path / "hits(1).lossc"
    path.write_text(CUSTOM)
    assert resolve(str(path), MNIST).name == str(path)


def test_a_spec_file_with_options(built, tmp_path):
    path = tmp_path / "hits.lossc"
    path.write_text(CUSTOM)
    choice = resolve(f"{path}(lr=2)", MNIST)
    assert (choice.name, choice.learning_rate) == (str(path), 2)
    path.write_text(CUSTOM.replace(">", ">="))
    assert resolve(f"{path}(lr=2)", MNIST).digest != choice.digest


def test_folders_differ_where_losses_do():
    texts = ["accuracy", "accuracy(lr=1)", "accuracy( lr=1)", "accuracy(lr=1, seed=0)"]
    folders = {resolve(text, DIGITS).folder for text in texts}
    folders.add(resolve("accuracy", DIGITS, {"squash": "sigmoid"}).folder)
    assert len(folders) == len(texts) + 1
    assert not any(set("/\\(), ") & set(folder) for folder in folders)


def error(text, recipe=DIGITS):
    with pytest.raises(TaskError) as caught:
        resolve(text, recipe)
    return str(caught.value)


def test_an_unknown_name_gets_the_nearest():
    text = error("acuracy")
    assert "unknown loss 'acuracy'" in text
    assert "cross_entropy, bce" in text
    assert "did you mean 'accuracy'?" in text
    assert "did you mean 'cross_entropy'?" in error("crossentropy(lr=1)")


def test_a_missing_spec_file_is_called_that(tmp_path):
    with pytest.raises(SpecError, match="no such file"):
        resolve(str(tmp_path / "none.lossc"), DIGITS)


def test_inputs_that_the_task_does_not_have():
    text = error("pckh")
    assert "'pckh' does not fit task 'digits'" in text
    assert "missing: heatmap, joint, visible, head" in text
    assert "the task provides: scores: real[n, p], label: int[n] in p" in text
    assert "missing: scores, label" in error("cross_entropy", MNIST)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cross_entropy(squash=sigmoid)", "no option 'squash'; it takes lr, and rivals"),
        ("cross_entropy(seed=1)", "no option 'seed'"),
        ("accuracy(lr=fast)", "lr is a number, not fast"),
        ("accuracy(lr=0)", "lr is a positive number, not 0"),
        ("accuracy(lr=-1)", "lr is a positive number, not -1"),
        ("accuracy(seed=1.5)", "seed is an integer from 0"),
        ("top_k_accuracy(k=idw(good=1))", "param k is a number or a word"),
    ],
)
def test_options_that_do_not_belong(text, expected):
    assert expected in error(text)


@pytest.mark.parametrize(
    "text", ["accuracy(", "accuracy(lr=1, lr=2)", "accuracy(lr=)", "accuracy(lr=1) x", "accuracy)("]
)
def test_options_that_do_not_parse(text):
    with pytest.raises((SpecError, TaskError)):
        resolve(text, DIGITS)
