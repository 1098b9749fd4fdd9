from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from lossc.models.augment import crop_and_flip, moved
from lossc.models.data.split import Split
from lossc.models.recipe import Recipe
from lossc.models.seeding import Stream, stream_seed
from lossc.models.trainer import train
from tests.models.interrupting import Interrupted, same, weights


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def moved_slowly(image, down, right, mirrored):
    """Pixel by pixel."""
    channels, height, width = image.shape
    result = torch.zeros_like(image)
    for channel in range(channels):
        for y in range(height):
            for x in range(width):
                there = width - 1 - x if mirrored else x
                row, column = y + down - 4, there + right - 4
                if 0 <= row < height and 0 <= column < width:
                    result[channel, y, x] = image[channel, row, column]
    return result


def test_windows_of_the_padded_image():
    images = torch.randint(1, 256, (6, 3, 5, 7), dtype=torch.uint8)
    down, right = torch.tensor([0, 4, 8, 3, 4, 5]), torch.tensor([8, 4, 0, 4, 4, 2])
    mirrored = torch.tensor([False, False, True, True, True, False])
    expected = [
        moved_slowly(*case) for case in zip(images, down, right, mirrored.tolist(), strict=True)
    ]
    result = moved(images, down, right, mirrored)
    assert result.dtype == torch.uint8
    assert torch.equal(result, torch.stack(expected))
    assert torch.equal(result[1], images[1])
    assert torch.equal(result[4], images[4].flip(-1))


def test_every_change_is_drawn_and_targets_stay():
    # two pixels, of which one is in every window, tell shift and mirroring
    image = torch.zeros(1, 32, 32)
    image[0, 16, 10], image[0, 16, 20] = 1, 2
    batch = Split(image.expand(4000, 1, 32, 32), {"label": torch.arange(4000)})
    changed = crop_and_flip(batch, generator())
    assert torch.equal(changed.targets["label"], torch.arange(4000))
    flat = changed.features.flatten(1)
    rows, columns = (flat == 1).int().argmax(1) // 32, (flat == 1).int().argmax(1) % 32
    others = (flat == 2).int().argmax(1) % 32
    flipped = others < columns
    assert flipped.float().mean().item() == pytest.approx(0.5, abs=0.05)
    assert sorted(set(rows.tolist())) == list(range(12, 21))
    assert sorted(set(columns[~flipped].tolist())) == list(range(6, 15))
    shares = rows.bincount()[12:] / 4000
    assert (shares - 1 / 9).abs().max() < 0.03


def test_the_generator_alone_decides():
    batch = Split(torch.rand(8, 3, 32, 32), {})
    torch.manual_seed(1)
    one = crop_and_flip(batch, generator(3)).features
    torch.manual_seed(2)
    two = crop_and_flip(batch, generator(3)).features
    assert torch.equal(one, two)
    assert not torch.equal(one, crop_and_flip(batch, generator(4)).features)


@pytest.mark.gpu
def test_a_gpu_sees_the_same_changes():
    images = torch.rand(8, 3, 32, 32)
    here = crop_and_flip(Split(images, {}), generator()).features
    there = crop_and_flip(Split(images.cuda(), {}), generator()).features
    assert there.is_cuda
    assert torch.equal(here, there.cpu())


def noisy(batch: Split, draws: torch.Generator) -> Split:
    """Pixels with noise, and some labels changed: features and targets together."""
    assert not torch.is_grad_enabled()
    noise = torch.randn(batch.features.shape, generator=draws)
    label = batch.targets["label"].clone()
    label[torch.rand(len(label), generator=draws) < 0.1] = 0
    return Split(batch.features + 0.1 * noise, {"label": label})


@pytest.fixture
def noisy_digits(digits: Recipe) -> Recipe:
    return replace(digits, augment=noisy, epochs=4, examples=200)


def test_an_interrupted_run_sees_the_same_changes(make_job, noisy_digits, digits):
    whole, broken = (make_job(recipe=noisy_digits, folder=name) for name in ("whole", "broken"))
    train(whole)

    def stop(progress):
        if progress.epoch >= 2:
            raise Interrupted

    with pytest.raises(Interrupted):
        train(broken, stop)
    train(broken)
    assert same(weights(whole), weights(broken))
    plain = make_job(recipe=replace(noisy_digits, augment=None), folder="plain")
    train(plain)
    assert not same(weights(whole), weights(plain))
    assert plain.settings != whole.settings


def test_batches_are_changed_anew_each_epoch_and_nothing_else_is(make_job, digits):
    seen: dict[int, list[torch.Tensor]] = {}

    def record(batch: Split, draws: torch.Generator) -> Split:
        seen.setdefault(draws.initial_seed(), []).append(torch.rand(2, generator=draws))
        return Split(torch.zeros_like(batch.features), batch.targets)

    recipe = replace(digits, augment=record, epochs=2, examples=100)
    run = train(make_job(recipe=recipe))
    assert list(seen) == [stream_seed(0, Stream.AUGMENT, epoch) for epoch in (0, 1)]
    assert all(len(draws) == 2 for draws in seen.values())  # batches of up to 64
    one, two = seen.values()
    assert len({tuple(draw.tolist()) for draw in [*one, *two]}) == 4
    assert run.history[-1]["train_accuracy"] < 0.3  # there is nothing to see


def test_watched_figures_are_logged_and_in_no_table(make_job, digits):
    def images(inputs):
        return float(len(inputs["label"]))

    recipe = replace(digits, epochs=2, examples=100, watched={"images": images})
    run = train(make_job(recipe=recipe))
    assert [entry["train_images"] for entry in run.history] == [100.0, 100.0]
    assert [entry["val_images"] for entry in run.history] == [360.0, 360.0]
    assert "images" not in run.test


class Two(torch.nn.Module):
    """A loss of two terms, one of which joins later."""

    def __init__(self):
        super().__init__()
        self.epoch = 0

    def set_epoch(self, epoch):
        self.epoch = epoch

    def forward(self, scores, label):
        return torch.nn.functional.cross_entropy(scores, label)

    def figures(self):
        return {"first": 1.0} if self.epoch == 0 else {"first": 1.0, "second": 2.0 * self.epoch}


def test_figures_of_a_loss_are_logged(make_job, digits, monkeypatch):
    from lossc.models import baselines, losses

    monkeypatch.setitem(baselines.BASELINES, "two", Two)
    monkeypatch.setitem(losses.BASELINE_INPUTS, "two", ("scores", "label"))
    job = make_job("two", recipe=replace(digits, epochs=3, examples=100))
    run = train(job)
    assert [entry.get("loss_second") for entry in run.history] == [None, 2.0, 4.0]
    lines = (job.folder / "metrics.csv").read_text().splitlines()
    columns = lines[0].split(",")
    assert {"loss", "loss_first", "loss_second"} <= set(columns)
    last = columns.index("loss_second")
    assert [line.split(",")[last] for line in lines[1:]] == ["", "2.0", "4.0"]
