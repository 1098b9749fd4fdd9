from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from lossc.models.augment import crop_and_flip
from lossc.models.command import train_command
from lossc.models.data.cifar_files import CIFAR10, CIFAR100
from lossc.models.losses import resolve
from lossc.models.metrics import hard_samples, top_5
from lossc.models.networks.resnet import ResidualBlock, resnet
from lossc.models.networks.small_cnn import Standardise, small_cnn
from lossc.models.recipe import Optimiser, Schedule
from lossc.models.recipes import RECIPES
from lossc.models.run import Job, RunFolder
from lossc.models.trainer import train
from tests.models.interrupting import Interrupted

TASKS = ("cifar10", "cifar10-anchor", "cifar100", "cifar100-anchor")


def size_of(network):
    return sum(parameter.numel() for parameter in network.parameters())


# ---------------------------------------------------------------- networks


@pytest.mark.parametrize(
    ("depth", "classes", "shortcut", "size"),
    [
        (20, 10, "B", 272_474),  # UniLoss's public code
        (20, 100, "B", 278_324),
        (20, 10, "A", 269_722),  # He et al. 2016, table 6, to the digit
        (110, 10, "A", 1_727_962),
    ],
)
def test_sizes_of_residual_networks(depth, classes, shortcut, size):
    assert size_of(resnet(depth, classes, shortcut)) == size


def test_resnet_110_for_100_classes_differs_in_its_last_layer():
    difference = 90 * (64 + 1)
    assert size_of(resnet(110, 100, "A")) == 1_727_962 + difference


def test_the_shortcut_without_weights():
    block = ResidualBlock(2, 5, stride=2, shortcut="A")
    for parameter in block.parameters():
        torch.nn.init.zeros_(parameter)  # what is left is the shortcut
    x = torch.rand(3, 2, 6, 6)
    y = block(x)
    assert y.shape == (3, 5, 3, 3)
    torch.testing.assert_close(y[:, :2], x[:, :, ::2, ::2])
    assert (y[:, 2:] == 0).all()


def test_bytes_become_standardised_numbers():
    image = torch.randint(256, (2, 3, 4, 4), dtype=torch.uint8)
    mean, deviation = (0.5, 0.25, 0.1), (0.2, 0.4, 0.1)
    expected = torch.stack([(image[:, c] / 255 - mean[c]) / deviation[c] for c in range(3)], dim=1)
    standardise = Standardise(mean, deviation)
    torch.testing.assert_close(standardise(image), expected)
    assert not list(standardise.state_dict())


def test_the_small_network():
    network = small_cnn(classes=7, width=4).eval()
    assert network(torch.rand(2, 3, 32, 32)).shape == (2, 7)
    weights = 27 * 4 + 9 * 4 * 8 + 9 * 8 * 16
    assert size_of(network) == weights + 2 * (4 + 8 + 16) + (16 + 1) * 7


# ----------------------------------------------------------------- recipes


def test_settings_of_the_papers():
    for task in TASKS:
        recipe = RECIPES[task]
        assert recipe.optimiser == Optimiser("sgd", 0.1, momentum=0.9, weight_decay=1e-4)
        assert recipe.batch_size == 128
        assert recipe.augment is crop_and_flip
    schedules = [(RECIPES[t].epochs, RECIPES[t].schedule) for t in TASKS]
    assert schedules == [
        (200, Schedule((140, 160), 0.1)),
        (200, Schedule((160, 180), 0.1)),
        (750, Schedule((600, 650), 0.1)),
        (200, Schedule((160, 180), 0.1)),
    ]
    data = [RECIPES[task].data for task in TASKS]
    assert [d.source for d in data] == [CIFAR10, CIFAR10, CIFAR100, CIFAR100]
    assert [d.validation for d in data] == ["first", "random", "first", "random"]
    sizes = [size_of(RECIPES[task].network()) for task in TASKS]
    assert sizes == [272_474, 1_727_962, 278_324, 1_733_812]


def test_tables_of_anchor_loss_compare_these():
    """Table 1; gamma of focal loss is 2 and 0.5, that after a warm-up 0.5 and 2."""
    for task, focal, warm in (("cifar10-anchor", 2, 0.5), ("cifar100-anchor", 0.5, 2)):
        choices = [resolve(text, RECIPES[task]) for text in RECIPES[task].losses]
        names = [choice.name for choice in choices]
        assert names == ["cross_entropy", "class_bce", "ohem", "focal", *["anchor_bce"] * 2]
        assert choices[2].params["rho"] == 0.9
        assert [choice.params["gamma"] for choice in choices[3:]] == [focal, 0.5, warm]
        assert choices[-1].choices["schedule"] == "warmup(first=cross_entropy, epochs=5)"


@pytest.mark.parametrize("gamma_zero", ["focal(gamma=0)", "anchor_bce(gamma=0)"])
def test_the_baseline_of_every_class(gamma_zero):
    """Without modulation both losses are binary cross entropy."""
    recipe = RECIPES["cifar10"]
    output = (3 * torch.randn(6, 10, dtype=torch.float64)).requires_grad_()
    inputs = recipe.inputs(output, {"label": torch.tensor([0, 9, 3, 3, 5, 1])})
    values = []
    for text in ("class_bce", gamma_zero):
        choice = resolve(text, recipe)
        values.append(choice.build(0)(**{name: inputs[name] for name in choice.takes}))
    torch.testing.assert_close(values[0], values[1])
    slopes = [torch.autograd.grad(value, output)[0] for value in values]
    torch.testing.assert_close(*slopes)
    q, hit = output.detach().sigmoid(), functional.one_hot(inputs["label"], 10)
    plain = -(hit * q.log() + (1 - hit) * (1 - q).log()).sum() / 6
    torch.testing.assert_close(values[0].detach(), plain)


def test_top_5_and_hard_samples_by_hand():
    scores = torch.randn(50, 8)
    label = torch.randint(8, (50,))
    among, hard = 0, 0
    for row, target in zip(scores.tolist(), label.tolist(), strict=True):
        above = sum(score > row[target] for score in row)
        among += above < 5
        hard += above > 0
    inputs = {"scores": scores, "label": label}
    assert 0 < hard < 50
    assert top_5(inputs) == pytest.approx(among / 50)
    assert hard_samples(inputs) == pytest.approx(hard / 50)


# ---------------------------------------------------------- quick variants


@pytest.fixture
def job_of(write_cifar, tmp_path):
    """Quick variants on a small set, without the drop of the rate."""

    def make(task="cifar10", loss="cross_entropy", folder="run", epochs=4, **changes):
        recipe = replace(RECIPES[task].shortened(), epochs=epochs, batch_size=16)
        recipe = replace(recipe, schedule=Schedule(), **changes)
        choice = resolve(loss, recipe)
        data = tmp_path / "data"
        if not data.exists():
            write_cifar(data, classes=CIFAR100.classes if "100" in task else 10, train=400)
        rate = choice.learning_rate or recipe.learning_rate(choice.rule)
        return Job(recipe, choice, 0, rate, tmp_path / folder, data)

    return make


def test_the_quick_variant_learns(job_of):
    run = train(job_of(epochs=4))
    assert run.test["accuracy"] > 0.9  # chance is 0.1
    assert run.test["top_5"] >= run.test["accuracy"]
    for entry in run.history:
        assert entry["train_hard_share"] == pytest.approx(1 - entry["train_accuracy"], abs=1e-6)
        assert entry["val_hard_share"] == pytest.approx(1 - entry["val_accuracy"], abs=1e-6)


def test_a_loss_that_is_wrong_does_not(job_of):
    """The threshold above is one that the labels of other images do not reach."""
    assert train(job_of(epochs=4, augment=others)).test["accuracy"] < 0.4


def others(batch, generator):
    order = torch.randperm(len(batch), generator=generator)
    return replace(batch, targets={"label": batch.targets["label"][order]})


@pytest.mark.parametrize(
    "loss",
    [
        "accuracy",
        "ohem(rho=0.9)",
        "anchor_bce(modulate=both)",
        "anchor_bce(gamma=2, schedule=warmup(first=cross_entropy, epochs=1))",
    ],
)
def test_every_kind_of_loss_trains(job_of, loss):
    run = train(job_of(loss=loss, epochs=2))
    losses = [entry["loss"] for entry in run.history]
    assert all(map(torch.isfinite, map(torch.tensor, losses)))
    if "warmup" not in loss:
        assert losses[1] < losses[0]


def test_a_hundred_classes(job_of):
    run = train(job_of("cifar100", loss="accuracy", epochs=1))
    assert 0 <= run.test["accuracy"] <= run.test["top_5"] <= 1


def test_an_interrupted_run_ends_with_the_same_weights(job_of):
    warm = "anchor_bce(schedule=warmup(first=cross_entropy, epochs=2))"
    whole, broken = (job_of(loss=warm, folder=name, epochs=3) for name in ("whole", "broken"))
    complete = train(whole)

    def stop(progress):
        if progress.epoch > 1:
            raise Interrupted

    with pytest.raises(Interrupted):
        train(broken, stop)
    seen = []
    run = train(broken, lambda progress: seen.append(progress.epoch))
    assert min(seen) > 1
    one, other = (
        torch.load(RunFolder(job.folder).weights, weights_only=True) for job in (whole, broken)
    )
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert run.test == complete.test


def test_the_quick_variant_is_another_run(job_of):
    """Settings tell networks and augmentations apart: one does not go on where another was."""
    quick = job_of()
    full = replace(quick, recipe=replace(quick.recipe, network=RECIPES["cifar10"].network))
    plain = replace(quick, recipe=replace(quick.recipe, augment=None))
    assert len({str(job.settings) for job in (quick, full, plain)}) == 3
    assert "SmallNetwork(classes=10, cells=1, width=16)" in str(quick.settings)


def test_the_command(write_cifar, tmp_path, capsys):
    data = tmp_path / "data"
    write_cifar(data)
    arguments = {"task": "cifar10-anchor", "quick": True, "epochs": 1, "out": tmp_path / "out"}
    code = train_command(**arguments, data=data, losses=["class_bce", "anchor_bce"])
    out, _ = capsys.readouterr()
    assert code == 0
    assert all(word in out for word in ("test accuracy", "test top 5", "class_bce", "anchor_bce"))
    with (tmp_path / "out" / "anchor_bce" / "0" / "metrics.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert {"train_hard_share", "val_hard_share", "val_top_5"} <= set(row)


def test_without_data_the_command_says_what_to_do(tmp_path, capsys):
    assert train_command(task="cifar100", data=tmp_path, out=tmp_path / "out") == 1
    said = capsys.readouterr().err
    assert "CIFAR-100: not found" in said
    assert "put cifar-100-python.tar.gz into" in said
    assert not (tmp_path / "out").exists()


def test_labels_out_of_range_are_named(write_cifar, pickled, tmp_path, capsys):
    folder = write_cifar(tmp_path / "data")
    data = np.zeros((2, 3072), np.uint8)
    (folder / "data_batch_2").write_bytes(pickled(data=data, labels=[3, 12]))
    assert train_command(task="cifar10", data=tmp_path / "data", quick=True) == 1
    said = capsys.readouterr().err
    assert "data_batch_2: label 12 at position 1, expected 0 to 9" in said
