"""``--devices`` and ``torchrun``, from the command line to the table."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch
from torch.distributed import TCPStore

from lossc.models.command import train_command
from lossc.models.errors import TaskError, TrainingError
from lossc.models.processes import _variables, run_in_processes
from lossc.models.run import Failure, Run

COMMAND = [sys.executable, "-m", "lossc", "train", "digits", "--epochs", "1"]


def of_second_process(batch, generator):
    """A change of training batches that only the second process cannot make."""
    if os.environ.get("RANK") == "1":
        raise TrainingError("the second process cannot read its file")
    return batch


def dies(batch, generator):
    if os.environ.get("RANK") == "1":
        os.kill(os.getpid(), signal.SIGKILL)
    return batch


def breaks(batch, generator):
    if os.environ.get("RANK") == "1":
        raise RuntimeError("a mistake in the program")
    return batch


def test_devices_and_workers_exclude_each_other(tmp_path, capsys):
    assert train_command(task="digits", devices=2, workers=2, out=tmp_path) == 1
    assert "leave out --workers" in capsys.readouterr().err


def test_an_environment_without_a_rank_is_said(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("RANK", raising=False)
    assert train_command(task="digits", out=tmp_path) == 1
    assert "no sound RANK" in capsys.readouterr().err


def test_more_devices_than_gpus(make_job, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(TaskError, match="--devices 2: there are 1 GPUs"):
        run_in_processes([make_job()], 2, lambda index, word: None)


@pytest.mark.slow
def test_the_command_prints_one_table(tmp_path):
    made = subprocess.run(
        [*COMMAND, "--devices", "2", "--json", "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    table = json.loads(made.stdout)
    alone = tmp_path / "alone"
    subprocess.run([*COMMAND, "--json", "--out", str(alone)], check=True, capture_output=True)
    theirs = json.loads((alone / "table.json").read_text())
    assert [row["test"] for row in table["losses"]] == [row["test"] for row in theirs["losses"]]
    assert "Warning" not in made.stderr
    assert "Traceback" not in made.stderr


def two_by_hand(arguments: list[str], store: TCPStore) -> list[subprocess.Popen[str]]:
    """Both processes as ``torchrun`` starts them."""
    return [
        subprocess.Popen(
            [*COMMAND, *arguments],
            env={**os.environ, **_variables(rank, 2, store.port)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]


@pytest.mark.slow
def test_under_torchrun_the_first_process_speaks(tmp_path):
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    arguments = ["--loss", "cross_entropy", "--loss", "cross_entropy(lr=1e30)"]
    processes = two_by_hand([*arguments, "--out", str(tmp_path)], store)
    said = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [1, 1]  # one loss became NaN
    assert "1 failed" in said[0][0] or "failed" in said[0][1]
    assert said[0][0].count("test accuracy") == 1
    assert said[1] == ("", "")


@pytest.mark.slow
def test_under_torchrun_a_wrong_task_is_said_once(tmp_path):
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    processes = two_by_hand(["--loss", "accuraccy", "--out", str(tmp_path)], store)
    said = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [1, 1]
    assert "unknown loss 'accuraccy'" in said[0][1]
    assert said[1] == ("", "")


@pytest.mark.slow
def test_a_failure_of_one_process_ends_its_run_only(make_job, digits):
    short = replace(digits, epochs=1)
    jobs = [
        make_job(recipe=replace(short, augment=of_second_process), folder="bad"),
        make_job(recipe=short, folder="good"),
    ]
    heard = []
    began = time.monotonic()
    outcomes = run_in_processes(jobs, 2, lambda index, word: heard.append((index, type(word))))
    assert time.monotonic() - began < 120
    assert isinstance(outcomes[0], Failure)
    assert "the second process cannot read its file" in outcomes[0].reason
    assert isinstance(outcomes[1], Run)
    assert outcomes[1].test["accuracy"] > 0.3
    assert (0, Failure) in heard and (1, Run) in heard


@pytest.mark.slow
def test_a_process_that_dies(make_job, digits):
    job = make_job(recipe=replace(digits, augment=dies))
    with pytest.raises(TrainingError, match="process of the run died"):
        run_in_processes([job], 2, lambda index, word: None)


@pytest.mark.slow
def test_a_mistake_in_one_process_is_shown(make_job, digits):
    job = make_job(recipe=replace(digits, augment=breaks))
    with pytest.raises(RuntimeError, match=r"process 1 broke down:[^$]*a mistake in the program"):
        run_in_processes([job], 2, lambda index, word: None)


@pytest.mark.slow
def test_processes_end_with_the_command_and_the_run_goes_on(tmp_path):
    command = [*COMMAND[:-1], "12", "--loss", "accuracy", "--devices", "2"]
    out = tmp_path / "broken"
    broken = subprocess.Popen(
        [*command, "--out", str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    until = time.monotonic() + 200
    while not (found := list(out.glob("*/0/last.ckpt"))) and time.monotonic() < until:
        time.sleep(0.02)
    assert found
    broken.kill()
    broken.wait()
    folder = found[0].parent
    time.sleep(3)  # were they still alive, they would write on
    assert not (folder / "result.json").exists()
    subprocess.run([*command, "--out", str(out)], check=True, capture_output=True, timeout=300)
    whole = tmp_path / "whole"
    subprocess.run([*command, "--out", str(whole)], check=True, capture_output=True, timeout=300)
    made = [torch.load(path, weights_only=True) for path in tmp_path.glob("*/*/0/network.pt")]
    assert len(made) == 2
    assert all(torch.equal(made[0][key], made[1][key]) for key in made[0])
