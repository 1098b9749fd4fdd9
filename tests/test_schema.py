"""``lossc schema``: a JSON Schema that takes what lossc takes, and explains every key."""

import json

import jsonschema
import pytest
import yaml
from typer.testing import CliRunner

from lossc import specs as bundled
from lossc.cli import app
from lossc.grammar.format import to_yaml
from lossc.grammar.load import load
from lossc.grammar.yaml_shape import json_schema
from lossc.starters import STARTERS, starter

VALIDATOR = jsonschema.Draft202012Validator(json_schema())
GOOD = {"lossc": 1, "name": "a", "inputs": {"x": "real[n]"}, "evaluate": "mean[i] [x[i] > 0]"}


def test_the_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(json_schema())


def test_it_is_printed_or_written(tmp_path):
    printed = CliRunner().invoke(app, ["schema"])
    assert printed.exit_code == 0
    assert json.loads(printed.stdout) == json_schema()
    path = tmp_path / "lossc.json"
    assert CliRunner().invoke(app, ["schema", "-o", str(path)]).exit_code == 0
    assert json.loads(path.read_text(encoding="utf-8")) == json_schema()
    assert CliRunner().invoke(app, ["schema", "-o", str(tmp_path / "a.yaml")]).exit_code == 2


@pytest.mark.parametrize("name", bundled.names())
def test_it_takes_every_bundled_spec(name):
    VALIDATOR.validate(yaml.safe_load(to_yaml(load(name))))


@pytest.mark.parametrize("kind", STARTERS)
def test_it_takes_every_start(kind):
    VALIDATOR.validate(yaml.safe_load(starter(kind, "mine", yaml=True)))


@pytest.mark.parametrize(
    "change",
    [
        {"params": {"k": "5 in [1, inf)", "m": 2, "w": {"default": "a b", "in": "[0, 1]"}}},
        {"surrogate": {"step": {"kind": "sigmoid", "temperature": 1}, "interpolation": "idw"}},
        {"schedule": [{"kind": "warmup", "first": {"kind": "bce"}}, "other"]},
        {"examples": [{"x": [[1, -0.5], []], "mode": "word", "gives": 1}]},
        {"examples": [{"x": [True], "gives": "-inf"}]},
        {"let": {"m": 3, "a[i]": "x[i]"}},
    ],
)
def test_it_takes_every_shape(change):
    VALIDATOR.validate({**GOOD, **change})


@pytest.mark.parametrize(
    "change",
    [
        {"lossc": 2},
        {"evalute": "x"},
        {"name": "my-metric"},
        {"inputs": {"x": 1}},
        {"inputs": {}},
        {"inputs": ["x"]},
        {"params": {"k": {"default": 1, "range": "[0, 1]"}}},
        {"params": {"k": {"in": "[0, 1]"}}},
        {"let": {"a": ["x"]}},
        {"minimize": "x"},
        {"doc": None},
        {"surrogate": {"step": {"temperature": 1}}},
        {"examples": {"x": [1], "gives": 1}},
        {"examples": [{"x": [1]}]},
        {"examples": [{"x": {"a": 1}, "gives": 1}]},
        {"use": "other"},
    ],
)
def test_it_refuses_every_wrong_shape(change):
    assert VALIDATOR.is_valid(GOOD)
    assert not VALIDATOR.is_valid({**GOOD, **change})


@pytest.mark.parametrize("missing", GOOD)
def test_it_asks_for_every_part(missing):
    assert not VALIDATOR.is_valid({key: value for key, value in GOOD.items() if key != missing})


def test_every_key_is_explained():
    schema = json_schema()
    assert len(schema["properties"]) == 19
    for shape in (schema, *schema["$defs"].values()):
        assert shape["description"]
        for key, field in shape.get("properties", {}).items():
            assert len(field.get("description", "")) > 10, key
