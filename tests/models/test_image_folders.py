"""Folders of images, streamed from disk, and the task that trains on them."""

from __future__ import annotations

from dataclasses import replace
from zlib import crc32

import numpy as np
import pytest
import torch
from PIL import Image
from torchmetrics.functional.classification import multiclass_accuracy

from lossc.models.command import train_command
from lossc.models.data.batches import Batches
from lossc.models.data.image_folders import ImageFolders, find_images
from lossc.models.data.image_stream import ImageStream, square
from lossc.models.data.split import Split
from lossc.models.errors import DataError, MissingData
from lossc.models.networks.resnet50 import bottleneck_resnet
from lossc.models.recipe import Optimiser, Schedule
from lossc.models.recipes import RECIPES
from lossc.models.recipes.imagenet import ImageNetwork
from lossc.models.run import RunFolder, read_json
from lossc.models.trainer import train

COLOURS = {"ash": (200, 40, 40), "birch": (40, 200, 40), "cedar": (40, 40, 200)}


@pytest.fixture(autouse=True)
def _scanned_anew(monkeypatch):
    monkeypatch.delenv("LOSSC_DATA", raising=False)
    find_images.cache_clear()


def write_image(path, colour, size, mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(crc32(f"{path.name} {colour}".encode()))
    pixels = draw.integers(-30, 30, (size[1], size[0], 3)) + np.array(colour)
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).convert(mode).save(path)


@pytest.fixture
def folders(tmp_path):
    """Three classes of 12 and 4 images, of several formats, sizes and modes."""
    data = tmp_path / "images"
    kinds = [("jpg", "RGB"), ("JPEG", "L"), ("png", "RGB"), ("png", "P"), ("jpg", "CMYK")]
    for part, count in (("train", 12), ("val", 4)):
        for name, colour in COLOURS.items():
            for number in range(count):
                ending, mode = kinds[number % len(kinds)] if part == "train" else ("jpg", "RGB")
                size = (40 + 7 * number, 36 + 5 * (number % 3))
                write_image(data / part / name / f"{number:02}.{ending}", colour, size, mode)
    (data / "train" / "ash" / "notes.txt").write_text("not an image")
    (data / "train" / ".cache").mkdir()
    return data


SMALL = ImageFolders(side=24, resize=32)


def same(one, other):
    return len(one) == len(other) and all(
        torch.equal(a.features, b.features) and torch.equal(a.targets["label"], b.targets["label"])
        for a, b in zip(one, other, strict=True)
    )


def test_what_is_in_the_folders(folders):
    splits = SMALL(folders)
    assert splits.classes == ("ash", "birch", "cedar")
    assert (len(splits.train), len(splits.val), len(splits.test)) == (36, 12, 12)
    assert splits.train.targets["label"].tolist() == [0] * 12 + [1] * 12 + [2] * 12
    assert all(isinstance(part, ImageStream) for part in (splits.train, splits.val))
    few = splits.train.first(6)
    assert few.targets["label"].tolist() == [0, 0, 1, 1, 2, 2]  # of every class
    assert splits.train.first(99) is splits.train


def test_a_test_folder_is_tested_on(folders):
    for name, colour in COLOURS.items():
        write_image(folders / "test" / name / "0.png", colour, (32, 32))
    splits = SMALL(folders)
    assert (len(splits.val), len(splits.test)) == (12, 3)


def test_the_middle_of_an_image_is_tested_on(tmp_path):
    """Against Pillow, the whole image at a time."""
    write_image(tmp_path / "a.png", (90, 120, 30), (90, 60))
    whole = Image.open(tmp_path / "a.png").resize((48, 32), Image.Resampling.BILINEAR)
    expected = np.asarray(whole.crop((12, 4, 36, 28))).transpose(2, 0, 1)
    found = square(str(tmp_path / "a.png"), 24, 32, None)
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_crops_for_training_are_random_windows(tmp_path):
    write_image(tmp_path / "a.png", (90, 120, 30), (50, 32))
    whole = np.asarray(Image.open(tmp_path / "a.png")).transpose(2, 0, 1)
    windows = {
        (left, top, mirrored): (whole[:, :, ::-1] if mirrored else whole)[
            :, top : top + 24, (26 - left if mirrored else left) :
        ][:, :, :24]
        for left in range(27)
        for top in range(9)
        for mirrored in (False, True)
    }
    seen = []
    for seed in range(300):
        found = square(str(tmp_path / "a.png"), 24, 32, np.random.default_rng(seed))
        seen += [key for key, window in windows.items() if np.array_equal(window, found)]
    assert len(seen) == 300  # each is one of them
    lefts, tops, mirrored = zip(*seen, strict=True)
    assert (set(lefts), set(tops)) == (set(range(27)), set(range(9)))
    assert 120 < sum(mirrored) < 180


def test_batches_follow_from_the_seed(folders):
    train_images = SMALL(folders).train

    def batches(seed):
        return [batch for group in Batches(train_images, 8, seed) for batch in group]

    first, again, other = batches(1), batches(1), batches(2)
    assert [len(batch) for batch in first] == [8, 8, 8, 8, 4]
    assert same(first, again)
    assert not same(first, other)
    labels = torch.cat([batch.targets["label"] for batch in first])
    assert labels.bincount().tolist() == [12, 12, 12]
    for batch in first:
        assert batch.features.shape[1:] == (3, 24, 24)
        assert batch.features.dtype == torch.uint8
    # an image's window does not depend on the batch that it is in
    (alone,) = train_images.drawn([torch.tensor([5])], seed=1)
    (pair,) = train_images.drawn([torch.tensor([9, 5])], seed=1)
    assert torch.equal(alone.features[0], pair.features[1])


def test_processes_read_the_same_batches(folders):
    here, there = SMALL(folders).train, replace(SMALL, workers=2)(folders).train
    order = list(torch.randperm(36).split(5))
    before = torch.random.get_rng_state()
    abandoned = there.drawn(order, seed=3)
    next(abandoned)
    for seed in (3, 4):  # the processes are used again
        assert same(list(here.drawn(order, seed)), list(there.drawn(order, seed)))
    assert same(list(here.in_order(7)), list(there.in_order(7)))
    assert torch.equal(before, torch.random.get_rng_state())
    image = there.paths[5]
    with open(image, "r+b") as file:
        file.truncate(300)
    with pytest.raises(DataError, match=str(image)):
        list(there.in_order(7))


# ------------------------------------------------------------------ what may be wrong


def test_a_broken_image_is_named(folders, tmp_path, capsys):
    broken = folders / "train" / "birch" / "05.jpg"
    broken.write_bytes(broken.read_bytes()[:-200])
    arguments = {"task": "imagenet", "quick": True, "data": folders, "losses": ["cross_entropy"]}
    assert train_command(**arguments, out=tmp_path / "out") == 1
    said = capsys.readouterr().err
    assert f"{broken}: cannot be read as an image" in said
    assert "truncated" in said
    broken.write_bytes(b"nothing of that kind")
    with pytest.raises(DataError, match=r"05\.jpg: cannot be read as an image: cannot identify"):
        list(SMALL(folders).train.in_order(50))


def test_a_class_without_images(folders):
    for path in (folders / "val" / "cedar").iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r"images/val: no images in 'cedar'\n  expected: .*\.jpg"):
        SMALL(folders)


def test_classes_that_differ(folders):
    (folders / "val" / "cedar").rename(folders / "val" / "ceder")
    with pytest.raises(DataError, match=r"val has no 'cedar'; .*train has no 'ceder'"):
        SMALL(folders)


def test_folders_that_are_missing(folders, tmp_path):
    with pytest.raises(MissingData, match=r"empty/train: no folders[\s\S]*train/CLASS/NAME\.jpg"):
        SMALL(tmp_path / "empty")
    for path in list((folders / "val").rglob("*.jpg")):
        path.rename(folders / "val" / f"{path.parent.name}-{path.name}")
    for path in (folders / "val").iterdir():
        if path.is_dir():
            path.rmdir()
    with pytest.raises(
        MissingData, match=r"images/val: no folders of classes; .*ash-00\.jpg is in"
    ):
        SMALL(folders)


def test_one_class_is_not_enough(tmp_path):
    for part in ("train", "val"):
        write_image(tmp_path / part / "ash" / "0.png", (1, 2, 3), (32, 32))
    with pytest.raises(DataError, match="one class only, 'ash'"):
        SMALL(tmp_path)


def test_without_data_the_command_says_which_files_go_where(tmp_path, capsys):
    assert train_command(task="imagenet", out=tmp_path / "out") == 1
    said = capsys.readouterr().err
    assert all(part in said for part in ("--data DIR", "train/CLASS/NAME.jpg", "LOSSC_DATA"))
    assert not (tmp_path / "out").exists()


# ------------------------------------------------------------------------------ the task


def test_settings_of_the_paper():
    recipe = RECIPES["imagenet"]
    assert recipe.optimiser == Optimiser("sgd", 0.1, momentum=0.9, weight_decay=1e-4)
    assert (recipe.epochs, recipe.batch_size) == (90, 224)
    assert recipe.schedule == Schedule((30, 60), 0.1, warmup_epochs=5)
    assert recipe.losses == (
        "cross_entropy",
        "ohem(rho=0.8)",
        "focal(gamma=0.5)",
        "anchor_bce(gamma=0.5)",
    )
    assert (recipe.data.side, recipe.data.resize) == (224, 256)
    assert sum(parameter.numel() for parameter in recipe.network().parameters()) == 25_557_032


def test_maps_of_the_network():
    """Table 1 of He et al. 2016: the sizes of a 224 x 224 image's maps, stage by stage."""
    network = bottleneck_resnet(classes=5, blocks=(1, 1, 1, 1), width=8).eval()
    sizes = []
    for layer in network:
        layer.register_forward_hook(lambda module, given, made: sizes.append(tuple(made.shape[1:])))
    network(torch.zeros(1, 3, 224, 224))
    assert sizes[0] == (8, 112, 112)
    assert sizes[3:8] == [(8, 56, 56), (32, 56, 56), (64, 28, 28), (128, 14, 14), (256, 7, 7)]
    assert sizes[-1] == (5,)


def test_figures_without_keeping_the_scores():
    recipe = RECIPES["imagenet"]
    scores, label = torch.randn(60, 9), torch.randint(9, (60,))
    found = recipe.summary(scores, {"label": label})
    for name, k in (("accuracy", 1), ("top_5", 5)):
        expected = multiclass_accuracy(scores, label, num_classes=9, top_k=k, average="micro")
        assert recipe.metrics[name](found) == pytest.approx(float(expected))
    assert recipe.watched["hard_share"](found) == pytest.approx(
        1 - recipe.metrics["accuracy"](found)
    )
    few = recipe.summary(scores[:, :3], {"label": label % 3})
    assert recipe.metrics["top_5"](few) == 1


@pytest.fixture
def job_of(folders, make_job):
    recipe = replace(RECIPES["imagenet"].shortened(), data=SMALL, epochs=8, batch_size=6)
    gentle = Optimiser("sgd", 0.02, momentum=0.9)  # for so few images
    recipe = replace(recipe, schedule=Schedule((6,), 0.1), optimiser=gentle)
    recipe = replace(recipe, network=ImageNetwork(blocks=(1,), width=8))

    def make(folder, loss="cross_entropy", **changes):
        return make_job(loss, recipe=replace(recipe, **changes), folder=folder, data=folders)

    return make


def weights(job):
    return torch.load(RunFolder(job.folder).weights, weights_only=True)


def test_a_task_on_folders_learns_and_goes_on(job_of):
    class Stopped(Exception):
        pass

    def stop(progress):
        if progress.epoch > 2:
            raise Stopped

    whole, broken = job_of("whole"), job_of("broken")
    run = train(whole)
    assert run.test["accuracy"] > 0.7  # chance is 1/3
    assert read_json(whole.folder / "settings.json")["network"].startswith("ImageNetwork(classes=3")
    assert list(weights(whole).values())[-1].shape == (3,)
    with pytest.raises(Stopped):
        train(broken, stop)
    seen = []
    train(broken, lambda progress: seen.append(progress.epoch))
    assert min(seen) > 2
    one, other = weights(whole), weights(broken)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_labels_of_other_images_do_not_pass(job_of):
    def other_labels(batch, generator):
        order = torch.randperm(len(batch), generator=generator)
        return Split(batch.features, {"label": batch.targets["label"][order]})

    assert train(job_of("run", augment=other_labels)).test["accuracy"] < 0.7


def test_the_command_on_folders(folders, tmp_path, capsys):
    code = train_command(
        task="imagenet",
        quick=True,
        data=folders,
        epochs=1,
        losses=["accuracy", "anchor_bce(gamma=0.5)"],
        out=tmp_path / "out",
    )
    out, err = capsys.readouterr()
    assert code == 0
    assert "no folder" not in err
    assert "test top 5" in out
