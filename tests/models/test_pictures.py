"""Pictures of examples: what is on them, and that they can do no harm."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from lossc.models.command import train_command
from lossc.models.grid_picture import as_image, save_classes, save_ranking, shown_first
from lossc.models.pictures import save_examples
from lossc.models.pose3d_picture import save_skeletons
from lossc.models.recipes import RECIPES
from lossc.models.run import RunFolder
from lossc.models.trainer import train


def reds(path):
    """Pixels of the red that marks what is wrong, more or less."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    return int((abs(pixels - [214, 39, 40]).sum(axis=-1) < 60).sum())


def test_the_command_draws_the_first_run_of_each_loss(tmp_path, capsys):
    losses = ["cross_entropy", "cross_entropy(lr=0.01)"]
    arguments = {"task": "digits", "losses": losses, "seeds": 2, "epochs": 1, "out": tmp_path}
    assert train_command(**arguments) == 0
    drawn = sorted(tmp_path.glob("*/*/examples.png"))
    assert [path.parent.name for path in drawn] == ["0", "0"]
    out = capsys.readouterr().out
    assert all(f"examples: {path}" in out for path in drawn)
    assert not any(reds(path) == 0 for path in drawn)


def test_a_picture_that_cannot_be_drawn_fails_nothing(make_job, digits, capsys):
    def broken(examples, found, path):
        raise RuntimeError("no ink")

    run = train(make_job(recipe=replace(digits, epochs=1, picture=broken)))
    assert save_examples(run) is None
    assert "examples.png: not drawn (RuntimeError: no ink)" in capsys.readouterr().err
    RunFolder(run.job.folder).weights.unlink()
    whole = replace(run, job=replace(run.job, recipe=digits))
    assert save_examples(whole) is None
    off = replace(run, job=replace(run.job, recipe=replace(digits, picture=None)))
    assert save_examples(off) is None


def test_what_is_drawn_is_what_the_tested_weights_say(make_job, digits):
    seen = {}

    def look(examples, found, path):
        seen.update(found, count=len(examples))

    before = torch.random.get_rng_state()
    run = train(make_job(recipe=replace(digits, epochs=2, picture=look)))
    save_examples(run)
    assert torch.equal(before, torch.random.get_rng_state())
    right = (seen["scores"].argmax(dim=1) == seen["label"]).double().mean()
    assert (seen["count"], float(right)) == (360, pytest.approx(run.test["accuracy"]))


def test_every_task_has_one():
    assert all(recipe.picture is not None for recipe in RECIPES.values())


def test_wrong_ones_come_first_by_their_lead():
    torch.manual_seed(0)
    scores, label = torch.randn(60, 4), torch.randint(0, 4, (60,))
    wrong, right = [], []
    for index in range(60):
        row, true = scores[index].tolist(), int(label[index])
        if max(row) > row[true]:
            wrong.append((row[true] - max(row), index))
        else:
            right.append(index)
    expected = [index for _, index in sorted(wrong)][:20]
    assert len(wrong) > 20
    assert shown_first(scores, label) == expected + right[:10]
    assert shown_first(10 * torch.eye(4)[label], label) == list(range(30))


def test_wrong_ones_are_red(tmp_path):
    label = torch.arange(12) % 4
    images = torch.zeros(12, 64)
    right, wrong = tmp_path / "right.png", tmp_path / "wrong.png"
    save_classes(images, torch.eye(4)[label], label, right)
    save_classes(images, torch.eye(4)[(label + 1) % 4], label, wrong)
    assert reds(right) == 0 < reds(wrong)


def test_a_ranking_has_its_misplaced_ones_in_red(tmp_path):
    relevant = torch.arange(60) < 15
    images = torch.zeros(60, 3, 8, 8, dtype=torch.uint8)
    right, wrong = tmp_path / "right.png", tmp_path / "wrong.png"
    save_ranking(images, -torch.arange(60.0), relevant, right)
    save_ranking(images, torch.arange(60.0), relevant, wrong)
    assert reds(right) == 0 < reds(wrong)
    save_ranking(images[:3], torch.zeros(3), relevant[:3], right)  # fewer than a row


@pytest.mark.parametrize(
    ("shape", "kind", "expected"),
    [
        ((64,), torch.float32, (8, 8)),
        ((3, 4, 6), torch.uint8, (4, 6, 3)),
        ((1, 4, 6), torch.float32, (4, 6)),
        ((4, 6), torch.float32, (4, 6)),
    ],
)
def test_images(shape, kind, expected):
    features = (255 * torch.rand(shape)).to(kind)
    image = as_image(features)
    assert image.shape == expected
    assert image.min() >= 0 and image.max() <= 1
    if kind == torch.uint8:
        assert image[2, 5].tolist() == pytest.approx((features[:, 2, 5] / 255).tolist())


@pytest.mark.parametrize("shape", [(7,), (2, 3, 4, 5), (2, 4, 6)])
def test_what_is_no_image(shape):
    with pytest.raises(ValueError, match="is no image"):
        as_image(torch.zeros(shape))


def test_skeletons(tmp_path):
    torch.manual_seed(0)
    truth = 300 * torch.randn(8, 17, 3)
    images = torch.zeros(8, 3, 16, 16, dtype=torch.uint8)
    one, other = tmp_path / "one.png", tmp_path / "other.png"
    save_skeletons(images, truth, truth, one)
    save_skeletons(images, truth + 100, truth, other)
    assert one.read_bytes() != other.read_bytes()
    assert reds(one) > 0  # the right arm and leg
