from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from lossc.models.command import train_command
from lossc.models.config import Options, as_config, read_assignments, read_config
from lossc.models.recipes import RECIPES
from lossc.models.settings import setting_values, with_settings


def test_a_file_with_settings_and_options(tmp_path):
    path = tmp_path / "my.yaml"
    path.write_text(
        "task: digits\nlosses:\n- cross_entropy\n- accuracy(squash=sigmoid, lr=0.1)\n"
        "data: DIR\ndata.side: 3\nquick: true\nlr: 1e-3\ninput: {cost: table.csv}\n"
        "optimiser: {momentum: 0.8}\nschedule:\n  milestones: [3, 4]\n"
    )
    found = read_config(path)
    assert found.options == {
        "task": "digits",
        "losses": ("cross_entropy", "accuracy(squash=sigmoid, lr=0.1)"),
        "data": Path("DIR"),
        "quick": True,
        "lr": 0.001,
        "input": {"cost": Path("table.csv")},
    }
    assert found.settings == {
        "data.side": 3,
        "optimiser.momentum": 0.8,
        "schedule.milestones": [3, 4],
    }
    assert found.places["schedule.milestones"] == f"{path}:12:3"


def test_assignments():
    found = read_assignments(
        ["epochs=3", "schedule.milestones=[30,40]", "optimiser={momentum: .5}", "lr=1", "examples="]
    )
    assert found.settings == {
        "epochs": 3,
        "schedule.milestones": [30, 40],
        "optimiser.momentum": 0.5,
        "examples": None,
    }
    assert found.options == {"lr": 1.0}


def test_a_part_that_is_turned_off_later_is_off(tmp_path):
    path = tmp_path / "my.yaml"
    path.write_text("augment: {side: 64}\nepochs: 3\n")
    both = read_config(path) | read_assignments(["augment=null"])
    assert both.settings == {"epochs": 3, "augment": None}


@pytest.mark.parametrize("task", RECIPES)
@pytest.mark.parametrize("data", [None, Path("a folder")])
def test_what_is_shown_can_be_read(task, data, tmp_path):
    """By another reader of YAML too; and it changes nothing."""
    recipe = RECIPES[task]
    path = tmp_path / "shown.yaml"
    path.write_text(as_config(recipe, Options(task=task, losses=recipe.losses, data=data)))
    found = read_config(path)
    assert with_settings(recipe, found.settings) == recipe
    assert found.options["losses"] == recipe.losses
    flat = {}
    for key, value in yaml.safe_load(path.read_text()).items():
        below = value if isinstance(value, dict) else None
        flat |= {f"{key}.{k}": v for k, v in below.items()} if below is not None else {key: value}
    values = json.loads(json.dumps(setting_values(recipe)))
    if recipe.learning_rates:  # set, it would be the rate of all
        values.pop("optimiser.learning_rate")
    del flat["task"], flat["losses"]
    assert flat.pop("data", None) == (data and str(data))
    assert flat == values


def shown(capsys, **arguments):
    assert train_command(**arguments, show=True) == 0
    return yaml.safe_load(capsys.readouterr().out)


def test_what_goes_before_what(tmp_path, capsys):
    assert shown(capsys, task="digits")["epochs"] == 40
    assert shown(capsys, task="digits", quick=True)["epochs"] == 5
    config = tmp_path / "my.yaml"
    config.write_text("task: digits\nquick: true\nbatch_size: 32\n")
    found = shown(capsys, config=config)
    assert (found["quick"], found["epochs"], found["batch_size"]) == (True, 5, 32)
    config.write_text("quick: true\nbatch_size: 32\nepochs: 6\n")
    found = shown(capsys, task="digits", config=config, settings=["epochs=7"])
    assert (found["epochs"], found["batch_size"]) == (7, 32)
    found = shown(capsys, task="digits", config=config, settings=["epochs=7"], epochs=8)
    assert found["epochs"] == 8


def test_a_config_is_trained(tmp_path, capsys):
    config = tmp_path / "my.yaml"
    config.write_text(
        f"task: digits\nlosses: [cross_entropy]\nseeds: 2\nout: {tmp_path / 'out'}\nepochs: 1\n"
        "network.hidden: [16]\nprecision: bf16-mixed\nlr: 0.1\n"
    )
    assert train_command(config=config) == 0
    settings = json.loads((tmp_path / "out/cross_entropy/1/settings.json").read_text())
    assert settings["network"] == "MlpNetwork(inputs=64, hidden=(16,), outputs=10)"
    assert (settings["precision"], settings["optimiser"]["learning_rate"]) == ("bf16-mixed", 0.1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("optimiser:\n  momentun: 1\n", ":2:3: setting 'optimiser.momentun': task 'digits'"),
        ("epochs: many\n", ":1:1: setting 'epochs': \"many\" should be a valid integer"),
        ("seeds: x\n", ":1:1: option 'seeds': \"x\" should be a valid integer"),
        ("seed: 3\n", "did you mean 'seeds'?"),
        ("lr: 0\n", "option 'lr': 0 should be greater than 0"),
        ("losses: accuracy\n", "option 'losses': \"accuracy\" should be a valid"),
        ("- epochs\n", "the document is a list, and no mapping of settings"),
        ("", "the document is empty, and no mapping of settings"),
        ("epochs: [\n", "bad-yaml"),
        ("epochs: 1\nepochs: 2\n", "'epochs' is given twice"),
        ("optimiser.momentum: 1\noptimiser: {momentum: 1}\n", "momentum' is set twice"),
        ("epochs: !!python/object:os.system 1\n", "tags are not part of the format"),
    ],
)
def test_a_config_that_is_wrong(text, expected, tmp_path, capsys):
    path = tmp_path / "my.yaml"
    path.write_text(text)
    assert train_command(task="digits", config=path, out=tmp_path / "out") == 1
    found = capsys.readouterr().err
    assert expected in found
    assert found.startswith(str(path))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("epochs", "--set epochs: expected KEY=VALUE"),
        ("=3", "--set =3: expected KEY=VALUE"),
        ("epochs=[3", "--set epochs=[3: the value is no YAML"),
        ("epochs=3\nseeds: 2", "the value is no YAML"),
        ("epochs=0", "--set epochs=0: setting 'epochs': 0 should be greater than 0"),
    ],
)
def test_an_assignment_that_is_wrong(text, expected, tmp_path, capsys):
    assert train_command(task="digits", settings=[text], out=tmp_path) == 1
    assert expected in capsys.readouterr().err


def test_a_config_that_cannot_be_read(tmp_path, capsys):
    assert train_command(config=tmp_path / "none.yaml") == 1
    assert "none.yaml: the config cannot be read: No such file" in capsys.readouterr().err
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe")
    assert train_command(config=tmp_path / "bytes.yaml") == 1
    assert "it is not a text" in capsys.readouterr().err
    assert train_command() == 1
    assert "name a task" in capsys.readouterr().err
