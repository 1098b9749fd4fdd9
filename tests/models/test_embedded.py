"""What quick variants are trained on where there are no files."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch

from lossc.models.command import has_data, train_command
from lossc.models.data.digit_pictures import digit_pictures
from lossc.models.data.digits import digits
from lossc.models.data.mnist_digits import mnist_digits
from lossc.models.errors import DataError
from lossc.models.recipes import RECIPES
from lossc.models.run import read_json

#: Their data is a part of the package, or made by it, in the full variants too.
WITHOUT_FILES = {"digits", "pose", "pose3d"}


@pytest.fixture(autouse=True)
def _no_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("LOSSC_DATA", raising=False)
    monkeypatch.setenv("LOSSC_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("task", RECIPES)
def test_every_quick_variant_has_data_without_files(task):
    recipe = RECIPES[task]
    short = recipe.shortened(embedded=True)
    assert (short.embedded == "") == (task in WITHOUT_FILES)
    splits = short.data(None)
    size = min(short.examples or len(splits.train), len(splits.train))
    assert 100 <= size * short.epochs <= 200_000
    network = short.network()
    batch = splits.train.take(torch.arange(short.batch_size))
    if short.augment is not None:
        batch = short.augment(batch, torch.Generator())
    assert set(short.inputs(network(batch.features), batch.targets)) == set(recipe.provides)
    whole = recipe.shortened()
    assert whole.data is recipe.data
    assert whole.embedded == ""


@pytest.mark.parametrize("places", [1, 2])
def test_pictures_of_digits(places):
    classes = 10**places
    splits = digit_pictures(places)
    parts = (splits.train, splits.val, splits.test)
    assert [len(part) for part in parts] == [4000, 500, 1000]
    for part in parts:
        assert part.features.shape == (len(part), 3, 32, 32)
        assert part.features.dtype == torch.uint8
        counts = part.targets["label"].bincount(minlength=classes)
        assert (counts == len(part) // classes).all()
    digit_pictures.cache_clear()
    again = digit_pictures(places)
    assert again is not splits
    assert torch.equal(again.test.features, splits.test.features)
    assert len(torch.unique(splits.train.features.flatten(1), dim=0)) == 4000


@pytest.mark.parametrize("places", [1, 2])
def test_the_digits_can_be_read_where_the_label_says(places):
    """By somebody who looks for what is brighter than its surroundings, in the digits' own split.

    The mean picture of a class, less that of all, is most like the mean digit of its class.
    """
    splits = digit_pictures(places)
    grey = splits.train.features.float().mean(dim=1)
    grey = (grey - grey.mean(dim=(1, 2), keepdim=True)) / grey.std(dim=(1, 2), keepdim=True)
    source = digits().train
    means = torch.stack(
        [source.features[source.targets["label"] == value].mean(dim=0) for value in range(10)]
    ).view(10, 1, 8, 8)
    width, height = (22, 22) if places == 1 else (15, 19)
    patterns = torch.nn.functional.interpolate(means, (height, width), mode="bilinear")[:, 0]
    for place in range(places):
        digit = splits.train.targets["label"] // 10 ** (places - 1 - place) % 10
        middle = 16 if places == 1 else (8, 24)[place]
        left, top = max(middle - width // 2, 0), 16 - height // 2
        seen = torch.stack([grey[digit == value].mean(dim=0) for value in range(10)])
        seen = seen[:, top : top + height, left : left + width]
        likeness = torch.einsum("ahw,bhw->ab", centred(seen), centred(patterns))
        assert likeness.argmax(dim=1).tolist() == list(range(10))


def centred(images):
    """Less the mean of all ten, and of length 1."""
    images = images - images.mean(dim=0)
    return images / images.flatten(1).norm(dim=1)[:, None, None]


def test_digits_as_mnist():
    splits = mnist_digits()
    assert [len(part) for part in (splits.train, splits.val, splits.test)] == [1077, 360, 360]
    for part, source in ((splits.train, digits().train), (splits.test, digits().test)):
        assert torch.equal(part.targets["relevant"], source.targets["label"] == 0)
        pixels = part.features.view(-1, 28, 28) * 0.3081 + 0.1307
        assert pixels.min() == pytest.approx(0, abs=1e-6)
        assert pixels.max() == pytest.approx(1, abs=1e-6)
        assert pixels[:, :4].abs().max() < 1e-6  # the margin is black
        shrunk = torch.nn.functional.interpolate(pixels[:, None, 4:24, 4:24], (8, 8), mode="area")
        like = np.corrcoef(shrunk.flatten(), source.features.flatten())[0, 1]
        assert like > 0.95


def test_the_command_says_what_it_trains_on(tmp_path, capsys):
    code = train_command(
        task="mnist-ap", quick=True, epochs=1, losses=["bce"], out=tmp_path / "out", as_json=True
    )
    out, err = capsys.readouterr()
    assert code == 0
    assert "mnist-ap: no folder with its data is named (--data DIR): scikit-learn's digits" in err
    assert json.loads(out)["embedded"] == "scikit-learn's digits as 28 x 28"
    settings = read_json(tmp_path / "out" / "bce" / "0" / "settings.json")
    assert settings["embedded"] == "scikit-learn's digits as 28 x 28"
    assert not (tmp_path / "cache").exists()  # nothing was fetched


def test_a_folder_that_is_named_is_used(write_cifar, tmp_path, monkeypatch, capsys):
    recipe = RECIPES["cifar10"]
    data = tmp_path / "data"
    data.mkdir()
    assert not has_data(recipe, None)
    assert has_data(recipe, data)  # what is not in it is an error
    monkeypatch.setenv("LOSSC_DATA", str(data))  # a folder for all tasks
    assert not has_data(recipe, data)
    assert not has_data(recipe, None)
    write_cifar(data)
    assert has_data(recipe, data)
    assert has_data(recipe, None)
    arguments = {"task": "cifar10", "quick": True, "losses": ["cross_entropy"], "epochs": 1}
    assert train_command(**arguments, out=tmp_path / "out") == 0
    assert "no folder" not in capsys.readouterr().err
    settings = read_json(tmp_path / "out" / "cross_entropy" / "0" / "settings.json")
    assert settings["embedded"] == ""
    (data / "cifar-10-batches-py" / "test_batch").unlink()
    with pytest.raises(DataError, match="has no test_batch"):
        has_data(recipe, None)
    monkeypatch.delenv("LOSSC_DATA")
    shutil.rmtree(data / "cifar-10-batches-py")
    assert train_command(**arguments, data=data, out=tmp_path / "out") == 1
    assert "CIFAR-10: not found" in capsys.readouterr().err
