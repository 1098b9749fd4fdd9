"""The examples for people's own training loops run, and learn."""

from __future__ import annotations

import importlib.util
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("sklearn", reason="scikit-learn comes with the extra `train`")

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def example(name: str) -> ModuleType:
    found = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_a_plain_loop():
    assert example("plain_loop").main(epochs=3) > 0.95  # 10% are zeros


@pytest.mark.filterwarnings("ignore")  # of Lightning, about workers and logs
def test_a_lightning_module():
    pytest.importorskip("lightning", reason="lightning comes with the extra `train`")
    figures = example("lightning_loop").main(epochs=4)
    assert figures["macro_f1"] > 0.7
    assert figures["macro_f1"] == pytest.approx(figures["check"], abs=1e-6)


def test_two_processes_are_one_with_the_whole_batch():
    """With the environment that ``torchrun`` gives each process."""
    found = {}
    for count in (1, 2):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        given = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": str(count)}
        processes = [
            subprocess.Popen(
                [sys.executable, str(EXAMPLES / "ddp.py")],
                env={**os.environ, **given, "RANK": str(rank), "LOCAL_RANK": str(rank)},
                stdout=subprocess.PIPE,
                text=True,
            )
            for rank in range(count)
        ]
        said = "".join(process.communicate(timeout=300)[0] for process in processes)
        assert [process.returncode for process in processes] == [0] * count
        numbers = re.search(r"precision ([\d.]+), weights of norm ([\d.]+)", said)
        assert numbers is not None, said
        found[count] = [float(number) for number in numbers.groups()]
    assert found[1][0] > 0.95
    assert found[2] == pytest.approx(found[1], rel=1e-4)


@pytest.mark.filterwarnings("ignore")
def test_hugging_faces_trainer():
    pytest.importorskip("transformers", reason="transformers is not installed")
    pytest.importorskip("accelerate", reason="accelerate is not installed")
    assert example("hugging_face").main(epochs=3) > 0.7
