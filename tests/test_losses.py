"""``lossc.losses``: every bundled spec as a module, a function and a class."""

from __future__ import annotations

import ast
import copy
import importlib
import inspect
import io
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import lossc
import lossc.losses
from lossc import specs
from lossc.importer import class_of

SCORE = torch.tensor([0.9, 0.2, 0.7, 0.4, 0.1])
RELEVANT = torch.tensor([True, False, False, True, False])


def test_the_three_forms_are_one_loss():
    from lossc.losses import AveragePrecision, average_precision

    score = SCORE.clone().requires_grad_()
    by_class, by_function = AveragePrecision(), average_precision(score, RELEVANT)
    torch.testing.assert_close(by_class(score, RELEVANT), by_function)
    torch.testing.assert_close(lossc.loss("average_precision")(score, RELEVANT), by_function)
    by_function.backward()
    assert score.grad.abs().sum() > 0
    assert lossc.losses.AveragePrecision is AveragePrecision
    assert isinstance(by_class, torch.nn.Module)


def test_the_name_is_the_same_object_however_it_is_imported():
    import lossc.losses.recall as module
    from lossc.losses import recall

    assert recall is module is lossc.losses.recall
    assert recall is importlib.import_module("lossc.losses.recall")
    assert callable(recall)
    assert inspect.getsource(recall) == module.__spec__.loader.get_source("lossc.losses.recall")
    assert recall.__file__ == f"{specs.path('recall')}.py"


def test_all_are_listed_and_none_is_compiled_before_it_is_used():
    code = (
        "import sys, lossc; names = dir(lossc.losses); assert 'torch' not in sys.modules;"
        "print(*names); from lossc.losses import Bce;"
        "print(*(m for m in sys.modules if m.startswith('lossc.losses.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    listed, compiled = done.stdout.splitlines()
    assert set(listed.split()) == {*specs.names(), *map(class_of, specs.names())}
    assert compiled == "lossc.losses.bce"


def test_own_folders_do_not_change_what_is_bundled(tmp_path, monkeypatch):
    (tmp_path / "hit_rate.lossc").write_text("spec hit_rate\n", encoding="utf-8")
    monkeypatch.setenv("LOSSC_SPECS", str(tmp_path))
    assert lossc.losses.HitRate(k=1).metric(SCORE, RELEVANT) == 1
    with pytest.raises(lossc.SpecError):
        lossc.loss("hit_rate")


def test_unknown_names():
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        lossc.losses.Nothing  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'nothing'"):
        from lossc.losses import nothing  # noqa: F401
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'lossc\.losses\.nothing'"):
        importlib.import_module("lossc.losses.nothing")


def test_params_are_arguments_numbers_and_texts():
    from lossc.losses import Precision, PrecisionAtK, precision

    assert PrecisionAtK(k=1).metric(SCORE, RELEVANT) == 1
    assert PrecisionAtK(k=2).metric(SCORE, RELEVANT) == 0.5
    with pytest.raises(ValueError, match="k"):
        PrecisionAtK(k=0)
    with pytest.raises(TypeError, match="unexpected keyword argument 'kk'"):
        PrecisionAtK(kk=1)
    plain, squashed = Precision(), Precision(activation="sigmoid", threshold=0.6)
    assert plain.metric(SCORE, RELEVANT) == 0.5
    assert squashed.metric(SCORE, RELEVANT) == Precision(threshold=0.4055).metric(SCORE, RELEVANT)
    assert isinstance(squashed, Precision) and type(squashed) is not Precision
    assert repr(squashed).startswith("Precision(activation='sigmoid', threshold=0.6, ")
    assert Precision(activation="none").__class__ is Precision
    torch.testing.assert_close(
        precision(SCORE, RELEVANT, activation="sigmoid", threshold=0.6), squashed(SCORE, RELEVANT)
    )
    torch.testing.assert_close(precision(SCORE, RELEVANT), plain(SCORE, RELEVANT))
    assert list(inspect.signature(precision).parameters)[2:4] == ["activation", "threshold"]

    class Mine(Precision):
        pass

    assert type(Mine(threshold=0.1)) is Mine
    with pytest.raises(TypeError, match="activation: texts choose what is compiled"):
        Mine(activation="sigmoid")


def test_a_loss_has_no_metric():
    with pytest.raises(lossc.NotAMetric, match="'bce' defines a loss"):
        lossc.losses.Bce().metric(SCORE, RELEVANT)


def made(kind: str) -> torch.nn.Module:
    if kind == "class":
        return lossc.losses.RPrecision(seed=3)
    if kind == "variant":
        return lossc.losses.Precision(activation="sigmoid", threshold=0.6)
    step = "sigmoid(temperature=0.5)"
    return lossc.loss("average_precision", step=step, interpolation="idw", seed=3)


def saved(loss: torch.nn.Module) -> torch.nn.Module:
    file = io.BytesIO()
    torch.save(loss, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize("kind", ["class", "variant", "function"])
@pytest.mark.parametrize(
    "again", [copy.deepcopy, lambda loss: pickle.loads(pickle.dumps(loss)), saved]
)
def test_copies_go_on_where_the_original_is(kind, again):
    loss = made(kind)
    loss(SCORE, RELEVANT)
    twin = again(loss)
    assert type(twin) is type(loss)
    assert repr(twin) == repr(loss)
    assert twin.state_dict() == loss.state_dict()
    assert kind == "variant" or int(twin.step) == 1  # the default draws nothing
    assert torch.equal(twin(SCORE, RELEVANT), loss(SCORE, RELEVANT))
    assert twin.eval().training is False and loss.training is True


@pytest.mark.parametrize("kind", ["class", "variant", "function"])
def test_state_and_dtype_travel_as_in_any_module(kind):
    loss, other = made(kind), made(kind)
    for _ in range(3):
        loss(SCORE, RELEVANT)
    other.load_state_dict(loss.state_dict())
    assert torch.equal(other(SCORE, RELEVANT), loss(SCORE, RELEVANT))
    moved = loss.to("meta")
    assert all(buffer.device.type == "meta" for buffer in moved.buffers())
    double = made(kind).to(torch.float64)
    assert double(SCORE.double(), RELEVANT).dtype == torch.float64
    assert kind == "variant" or double.seed.dtype == torch.long  # whole numbers stay whole


def test_a_loss_of_a_folder_stands_alone(tmp_path):
    folder = tmp_path / "specs"
    folder.mkdir()
    (folder / "part.lossc").write_text(
        "spec part\ninput score: real[n]\nevaluate mean[i] [score[i] > 0.5] else 0\n"
    )
    (folder / "whole.lossc").write_text("spec whole use part evaluate 2 * part\n")
    loss = lossc.loss("whole", folders=folder)
    file = tmp_path / "loss.pkl"
    file.write_bytes(pickle.dumps(loss))
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    assert copy.deepcopy(loss).metric(SCORE) == loss.metric(SCORE)
    code = (
        f"import pickle, torch; loss = pickle.load(open({str(file)!r}, 'rb'));"
        "print(loss.metric(torch.tensor([0.9, 0.2])).item())"
    )
    home = str(Path(lossc.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": home},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "1.0\n"


# torch.compile makes an instance of each autograd function, and torch warns of that
@pytest.mark.filterwarnings("ignore:.*should not be instantiated")
@pytest.mark.parametrize("name", ["accuracy", "precision"])
def test_the_class_and_the_function_compile_to_one_graph(name):
    loss = getattr(lossc.losses, class_of(name))()
    inputs = (SCORE, RELEVANT)
    if name == "accuracy":
        inputs = (torch.stack([SCORE, 1 - SCORE], 1), RELEVANT.long())
    compiled = torch.compile(loss, fullgraph=True, backend="eager")
    twin = copy.deepcopy(loss)  # before the step goes on
    torch.testing.assert_close(compiled(*inputs), twin(*inputs))


# ------------------------------------------------------------------ the stub


@pytest.fixture(scope="module")
def stub(root: Path) -> dict[str, ast.stmt]:
    text = (root / "lossc" / "losses" / "__init__.pyi").read_text(encoding="utf-8")
    return {
        entry.name: entry
        for entry in ast.parse(text).body
        if isinstance(entry, ast.ClassDef | ast.FunctionDef)
    }


def test_the_stub_is_up_to_date(root):
    command = [sys.executable, str(root / "tools" / "stubs.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_stub_names_what_there_is(stub):
    assert sorted(stub) == dir(lossc.losses)


def declared(function: ast.FunctionDef) -> dict[str, str | None]:
    """Arguments of a stub's function with their defaults."""
    taken = function.args
    first = [argument.arg for argument in taken.args if argument.arg != "self"]
    defaults = [None] * (len(first) - len(taken.defaults)) + [
        ast.unparse(d) for d in taken.defaults
    ]
    found = dict(zip(first, defaults, strict=True))
    for argument, default in zip(taken.kwonlyargs, taken.kw_defaults, strict=True):
        found[argument.arg] = ast.unparse(default)
    return found


def real(signature: inspect.Signature) -> dict[str, str | None]:
    return {
        name: None if parameter.default is parameter.empty else repr(parameter.default)
        for name, parameter in signature.parameters.items()
    }


@pytest.mark.parametrize("name", ["accuracy", "average_precision", "bce", "precision", "pckh"])
def test_the_stub_says_what_the_modules_do(stub, name):
    cls, function = getattr(lossc.losses, class_of(name)), getattr(lossc.losses, name)
    assert declared(stub[name]) == real(inspect.signature(function))
    methods = {entry.name: entry for entry in stub[class_of(name)].body[1:]}
    assert declared(methods["__init__"]) == real(inspect.signature(cls))
    for method in set(methods) - {"__init__", "__call__"}:
        want = real(inspect.signature(getattr(cls, method)))
        want.pop("self")
        assert declared(methods[method]) == want
    assert ("metric" in methods) == hasattr(cls, "metric_of_rows")


def test_type_checkers_read_the_stub(root, tmp_path):
    own = tmp_path / "own.py"
    own.write_text(
        "import torch\nfrom lossc.losses import Bce, TopKAccuracy, average_precision\n"
        "loss_fn = TopKAccuracy(k=3, temperature=0.5)\n"
        "value: torch.Tensor = loss_fn(torch.rand(3, 4), torch.ones(3).long())\n"
        "reveal_type(average_precision)\n"
        "TopKAccuracy(k='three')\nBce(temperature=1.0)\nloss_fn(torch.rand(3))\n",
        encoding="utf-8",
    )
    links = tmp_path / "links" / "lossc"
    links.parent.mkdir()
    links.symlink_to(root / "lossc", target_is_directory=True)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--no-error-summary",
         "--cache-dir", str(root / ".mypy_cache" / "stubs"), str(own)],
        cwd=links.parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = [line.partition(": ")[2] for line in done.stdout.splitlines() if "defined" not in line]
    assert lines[0].startswith('note: Revealed type is "def (score: ')
    assert [line.rpartition("[")[2] for line in lines[1:]] == [
        "arg-type]",
        "call-arg]",
        "call-arg]",
    ]
