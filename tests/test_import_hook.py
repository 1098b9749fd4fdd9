"""Specs of a project's own folder as Python modules."""

from __future__ import annotations

import copy
import importlib
import inspect
import linecache
import os
import pickle
import subprocess
import sys
import threading
import traceback
from pathlib import Path

import pytest
import torch

import lossc
from lossc import importer
from lossc.importer import class_of, install_import_hook

TEXT = """
spec my_metric
doc "Share of the scores above a level."
input score: real[n]
param level = 0.5
evaluate mean[i] [score[i] > level] else 0
"""
LOSS = "spec my_loss\ninput score: real[n]\nloss mean[i] score[i]^2 else 0\n"
_count = 0


@pytest.fixture
def package():
    """A name that no other test uses, and nothing left of it afterwards."""
    global _count
    _count += 1
    name = f"own_losses_{_count}"
    yield name
    hook = importer._FINDER.hooks.get(name)
    if hook is not None:
        hook.uninstall()
    for module in [m for m in sys.modules if m == name or m.startswith(f"{name}.")]:
        del sys.modules[module]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "specs"
    folder.mkdir()
    (folder / "my_metric.lossc").write_text(TEXT, encoding="utf-8")
    (folder / "my_loss.lossc").write_text(LOSS, encoding="utf-8")
    return folder


def test_a_package_that_does_not_exist(package, folder):
    install_import_hook(package, folder)
    module = importlib.import_module(f"{package}.my_metric")
    score = torch.tensor([0.1, 0.7, 0.9])
    assert module.MyMetric().metric(score).item() == pytest.approx(2 / 3)
    assert module.MyMetric(level=0.8).metric(score).item() == pytest.approx(1 / 3)
    assert torch.equal(module.my_metric(score), module.MyMetric()(score))
    assert torch.equal(module(score), module.my_metric(score))  # the module is callable
    losses = importlib.import_module(package)
    assert losses.MyMetric is module.MyMetric
    assert losses.my_loss.MyLoss()(score).item() == pytest.approx((score**2).mean().item())
    assert dir(losses) == ["MyLoss", "MyMetric", "my_loss", "my_metric"]
    namespace: dict = {}
    exec(f"from {package} import my_metric, MyLoss", namespace)
    assert namespace["my_metric"] is module


def test_a_package_that_exists_keeps_its_own(package, tmp_path, monkeypatch):
    home = tmp_path / package
    home.mkdir()
    (home / "__init__.py").write_text(
        "import lossc\n"
        "hook = lossc.install_import_hook(__name__)\n"
        "__getattr__, __dir__ = hook.resolve, hook.names\n",
        encoding="utf-8",
    )
    (home / "my_metric.yaml").write_text(
        "lossc: 1\nname: my_metric\ninputs: {score: 'real[n]'}\n"
        "evaluate: mean[i] ([score[i] > 0]) else 0\n",
        encoding="utf-8",
    )
    (home / "both.py").write_text("value = 'python'\n", encoding="utf-8")
    (home / "both.lossc").write_text(LOSS, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    module = importlib.import_module(f"{package}.my_metric")
    assert module.MyMetric().metric(torch.tensor([1.0, -1.0])) == 0.5
    assert importlib.import_module(package).MyMetric is module.MyMetric
    assert importlib.import_module(f"{package}.both").value == "python"  # files of Python first
    with pytest.raises(ModuleNotFoundError, match=rf"No module named '{package}\.nothing'"):
        importlib.import_module(f"{package}.nothing")
    with pytest.raises(ImportError, match="cannot import name 'nothing'"):
        exec(f"from {package} import nothing")


def test_a_module_is_readable(package, folder):
    install_import_hook(package, folder)
    module = importlib.import_module(f"{package}.my_metric")
    loader = module.__spec__.loader
    source = inspect.getsource(module)
    assert source == loader.get_source(module.__name__) == lossc.compile(TEXT).source()
    assert module.__file__ == str(folder / "my_metric.lossc.py")
    assert inspect.getsource(module.MyMetric).startswith("class MyMetric(nn.Module):")
    assert inspect.getsource(module.my_metric).startswith("def my_metric(")
    assert "Share of the scores above a level." in module.MyMetric.__doc__
    assert not loader.is_package(module.__name__)
    linecache.clearcache()  # as after a long run: the loader still has the text
    with pytest.raises(ValueError, match="score: expected the dims") as caught:
        module.MyMetric()(torch.zeros(2, 2))
    assert any('check_shape("score"' in line for line in traceback.format_tb(caught.tb))
    # before it was ever imported, too
    fresh = importlib.util.find_spec(f"{package}.my_loss")
    assert "class MyLoss(nn.Module)" in fresh.loader.get_source(f"{package}.my_loss")
    assert f"{package}.my_loss" not in sys.modules


def test_reload_compiles_a_changed_spec(package, folder):
    install_import_hook(package, folder)
    module = importlib.import_module(f"{package}.my_metric")
    old, score = module.MyMetric(), torch.tensor([0.1, 0.7, 0.9])
    (folder / "my_metric.lossc").write_text(TEXT.replace("0.5", "0.8"), encoding="utf-8")
    assert importlib.import_module(f"{package}.my_metric") is module
    assert module.MyMetric().metric(score).item() == pytest.approx(2 / 3)  # not yet
    assert importlib.reload(module) is module
    assert module.MyMetric().metric(score).item() == pytest.approx(1 / 3)
    assert "level: float = 0.8" in inspect.getsource(module.MyMetric)
    # what was made before stays what it was, and so do its copies
    assert old.metric(score).item() == pytest.approx(2 / 3)
    assert copy.deepcopy(old).metric(score).item() == pytest.approx(2 / 3)
    assert pickle.loads(pickle.dumps(old)).metric(score).item() == pytest.approx(2 / 3)
    (folder / "my_metric.lossc").write_text("spec my_metric\nevaluate", encoding="utf-8")
    with pytest.raises(lossc.SpecError):
        importlib.reload(module)
    assert module.MyMetric().metric(score).item() == pytest.approx(1 / 3)  # the last that was fine


def test_a_wrong_spec_is_a_located_error(package, folder):
    (folder / "wrong.lossc").write_text("spec wrong\ninput x: real[n]\nloss y\n", encoding="utf-8")
    install_import_hook(package, folder)
    for _ in range(2):  # nothing half-made stays behind
        with pytest.raises(lossc.SpecError, match=r"wrong.lossc:3:6: error L012 \[unknown-name\]"):
            importlib.import_module(f"{package}.wrong")
        assert f"{package}.wrong" not in sys.modules
    (folder / "wrong.lossc").write_text(LOSS.replace("my_loss", "wrong"), encoding="utf-8")
    assert importlib.import_module(f"{package}.wrong").Wrong()(torch.ones(2)) == 1


def test_install_twice_and_uninstall(package, folder, tmp_path):
    hook = install_import_hook(package, folder)
    assert install_import_hook(package, str(folder)) is hook
    assert sys.meta_path.count(importer._FINDER) == 1
    assert sys.meta_path[-1] is importer._FINDER  # other imports are found before they get here
    with pytest.raises(ValueError, match=f"'{package}' already has its specs from"):
        install_import_hook(package, tmp_path)
    with pytest.raises(NotADirectoryError, match="is not a folder"):
        install_import_hook(package, tmp_path / "gone")
    module = importlib.import_module(f"{package}.my_metric")
    hook.uninstall()
    hook.uninstall()
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(f"{package}.my_loss")
    assert importlib.import_module(f"{package}.my_metric") is module
    again = install_import_hook(package, tmp_path)
    hook.uninstall()  # not its hook any more
    assert importer._FINDER.hooks[package] is again


def test_the_last_uninstall_takes_the_finder_out(folder):
    code = (
        "import sys, lossc, lossc.importer as i; before = list(sys.meta_path);"
        f"hook = lossc.install_import_hook('own', {str(folder)!r}); import own;"
        "assert len(sys.meta_path) == len(before) + 1; hook.uninstall();"
        "assert sys.meta_path == before; assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_used_spec_is_found_beside_it(package, folder):
    (folder / "twice.lossc").write_text("spec twice use my_loss loss 2 * my_loss", encoding="utf-8")
    install_import_hook(package, folder)
    twice = importlib.import_module(f"{package}.twice")
    assert twice(torch.tensor([1.0, 3.0])) == 10


def test_threads_import_one_module(package, folder):
    install_import_hook(package, folder)
    found: dict[str, list] = {"MyMetric": [], "my_metric": []}
    barrier = threading.Barrier(4)

    def work(name: str) -> None:
        barrier.wait()
        found[name].append(getattr(importlib.import_module(package), name))

    threads = [threading.Thread(target=work, args=(name,)) for name in [*found, *found]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    module = sys.modules[f"{package}.my_metric"]
    assert found == {"MyMetric": [module.MyMetric] * 2, "my_metric": [module] * 2}


def test_another_folder_after_the_first(package, folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "second.lossc").write_text(LOSS.replace("my_loss", "second"), encoding="utf-8")
    install_import_hook(package, folder).uninstall()
    hook = install_import_hook(package, folder)
    losses = importlib.import_module(package)
    hook.uninstall()
    install_import_hook(package, other)
    assert importlib.import_module(package) is losses  # imported, so it stays
    assert dir(losses) == ["Second", "second"]
    assert losses.Second()(torch.ones(3)) == 1


def test_a_pickle_is_of_the_imported_class_where_there_is_one(package, folder, tmp_path):
    install_import_hook(package, folder)
    module = importlib.import_module(f"{package}.my_metric")
    loss = module.MyMetric(level=0.8, temperature=0.5)
    loss.note = "kept"
    loss(torch.randn(4))
    for twin in (copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):
        assert type(twin) is module.MyMetric
        assert repr(twin) == repr(loss) == "MyMetric(level=0.8, temperature=0.5, squash='sigmoid')"
        assert twin.note == "kept"
    assert pickle.loads(pickle.dumps(module.my_metric)) is module.my_metric
    assert pickle.loads(pickle.dumps(module)) is module
    file = tmp_path / "loss.pt"
    file.write_bytes(pickle.dumps(loss))
    # where neither the hook nor the folder is
    code = (
        f"import pickle, torch; loss = pickle.load(open({str(file)!r}, 'rb'));"
        "print(repr(loss), loss.note, loss.metric(torch.tensor([0.7, 0.9])).item())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(lossc.__file__).parents[1])},
    )
    assert done.stdout == "MyMetric(level=0.8, temperature=0.5, squash='sigmoid') kept 0.5\n"


def test_names_that_are_no_modules(package, folder):
    (folder / "not-a-name.lossc").write_text(LOSS, encoding="utf-8")
    (folder / "notes.txt").write_text("spec", encoding="utf-8")
    hook = install_import_hook(package, folder)
    assert hook.names() == ["MyLoss", "MyMetric", "my_loss", "my_metric"]
    losses = importlib.import_module(package)
    for name in ("Nothing", "nothing", "__path_hooks__"):
        with pytest.raises(AttributeError, match=f"has no attribute '{name}'"):
            getattr(losses, name)


@pytest.mark.parametrize("name", ["accuracy", "top_k_accuracy", "pckh", "macro_f1", "r_precision"])
def test_class_names_are_those_of_the_generated_modules(name):
    from lossc.compiler.emit.names import class_name

    assert class_of(name) == class_name(name)
