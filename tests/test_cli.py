"""The command line: what it prints where, how it exits, and what it never destroys."""

from __future__ import annotations

import json
import os
import re
import shlex
import stat
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lossc import catalog, specs
from lossc.cli import app
from lossc.commands import files, guard, options, output

ROOT = Path(__file__).resolve().parent.parent
HEAVY = {"torch", "sympy", "lightning", "sklearn", "matplotlib"}

GOOD = """\
spec my_accuracy
input scores: real[n, p]
input label:  int[n] in p
decode   predicted[i] = argmax[j] scores[i, j]
evaluate mean[i] [predicted[i] == label[i]]
truth    scores[i, j] = [j == label[i]]
"""
WRONG = GOOD.replace("argmax", "agmax")


def run(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def in_a_process(*arguments: str, code: str = "", **options) -> subprocess.CompletedProcess:
    program = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); {code}from lossc.cli import main; main()"
    )
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def words(message: str) -> str:
    """A message without the frame and the line breaks that a narrow terminal gives it."""
    return " ".join(message.replace("│", " ").split())


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "my_accuracy.lossc"
    path.write_text(GOOD, encoding="utf-8")
    return path


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    path = tmp_path / "wrong.lossc"
    path.write_text(WRONG, encoding="utf-8")
    return path


# ------------------------------------------------------------------ light and quick


@pytest.mark.parametrize(
    "arguments", [["--help"], ["list"], ["list", "--json"], ["explain", "L012"]]
)
def test_loads_neither_torch_nor_sympy(arguments, tmp_path):
    report = (
        "import atexit; atexit.register("
        f"lambda: print(sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)); "
    )
    done = in_a_process(*arguments, code=report, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert done.stderr.strip() == "[]"


def test_help_is_quick():
    """Under 0.4 s of work: processor time, because other processes share the machine."""

    def spent() -> float:
        times = os.times()
        return times.children_user + times.children_system

    def seconds() -> float:
        start = spent()
        assert in_a_process("--help").returncode == 0
        return spent() - start

    assert min(seconds() for _ in range(3)) < 0.4


@pytest.mark.parametrize("command", ["compile", "check", "explain", "list", "report", "train"])
def test_every_command_has_help(command):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert command in result.stdout
    assert command in run("--help").stdout


def test_version():
    assert run("--version").stdout == "lossc 0.1.0\n"


# ------------------------------------------------------------------ list


def test_list_shows_specs_surrogates_and_tasks():
    shown = run("list").stdout
    for name in ["accuracy", "average_precision", "pckh", "sigmoid", "idw", "digits", "mnist-ap"]:
        assert name in shown


def test_list_as_json():
    listed = json.loads(run("list", "--json").stdout)
    assert set(listed) == {"specs", "steps", "interpolations", "tasks"}
    names = {entry["name"] for entry in listed["specs"]}
    assert {"accuracy", "auroc", "pck", "precision_at_k"} <= names
    assert all(entry["doc"] for table in listed.values() for entry in table)


def test_tasks_can_be_listed_alone():
    listed = json.loads(run("train", "--list", "--json").stdout)
    assert {entry["name"] for entry in listed["tasks"]} == set(catalog.tasks())


# ------------------------------------------------------------------ compile


def test_compile_prints_the_module(good):
    result = run("compile", good)
    assert result.exit_code == 0
    assert result.stderr == ""
    compile(result.stdout, "module.py", "exec")
    assert "import torch" in result.stdout


def test_compile_warns_of_what_would_not_start_to_learn():
    dead = ["--interpolation", "substitute(tnorm=lukasiewicz)"]
    result = run("compile", "accuracy", *dead)
    assert result.exit_code == 0
    assert result.stderr.startswith("accuracy: warning L040 [dead-gradient]")
    assert "hint: try --interpolation 'substitute(tnorm=godel)'" in result.stderr
    assert run("compile", "accuracy").stderr == ""


def test_compile_writes_the_module(good, tmp_path):
    target = tmp_path / "loss.py"
    result = run("compile", good, "-o", target)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert target.read_text(encoding="utf-8") == run("compile", good).stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["loss.py", "my_accuracy.lossc"]


def test_compile_is_the_same_every_time(good):
    assert run("compile", good, "--seed", 3).stdout == run("compile", good, "--seed", 3).stdout


def test_a_wrong_spec_leaves_the_old_module(wrong, tmp_path):
    target = tmp_path / "loss.py"
    target.write_text("# precious\n")
    result = run("compile", wrong, "-o", target)
    assert result.exit_code == 1
    assert target.read_text() == "# precious\n"


@pytest.mark.parametrize("command", ["compile", "check", "explain"])
def test_a_wrong_spec_is_told_on_standard_error(command, wrong):
    result = run(command, wrong)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "wrong.lossc:4:" in result.stderr
    assert "error L012 [unknown-name]" in result.stderr
    assert "did you mean 'argmax'?" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", ["compile", "check", "explain"])
def test_a_missing_spec_is_wrong_input(command, tmp_path):
    result = run(command, tmp_path / "nowhere.lossc")
    assert result.exit_code == 1
    assert "L001" in result.stderr


@pytest.mark.parametrize("command", ["compile", "check", "explain"])
def test_the_nearest_bundled_name_is_told(command):
    result = run(command, "acuracy")
    assert result.exit_code == 1
    assert "accuracy" in result.stderr


def test_options_reach_the_compiler(good):
    assert "0.125" in run("compile", good, "--step", "sigmoid(temperature=0.125)").stdout
    assert run("compile", good, "--step", "sigmoid(temperature=-1)").exit_code == 1
    assert run("compile", good, "--step", "sigmoyd").exit_code == 1
    assert run("compile", "top_k_accuracy", "--param", "k=3").exit_code == 0
    assert run("compile", "top_k_accuracy", "--param", "kk=3").exit_code == 1


def test_everything_that_the_page_advises_is_an_option(tmp_path):
    page = (ROOT / "docs" / "surrogates.md").read_text(encoding="utf-8")
    section = page.split("## Which to choose")[1].split("\n## ")[0]
    advised = [shlex.split(code) for code in re.findall(r"`(--[^`]+)`", section)]
    assert {words[0] for words in advised} > {"--transform", "--memory", "--schedule", "--step"}
    for number, words in enumerate(advised):
        file = tmp_path / f"{number}.py"
        result = run("compile", "average_precision", *words, "-o", file)
        assert result.exit_code == 0, (words, result.output)


def test_a_transform_reaches_the_compiler():
    plain = run("compile", "average_precision", "--interpolation", "substitute")
    log = run("compile", "average_precision", "--interpolation", "substitute", "--transform", "log")
    assert "minus_log(value)" in log.stdout and "minus_log" not in plain.stdout
    whole = run("compile", "auroc", "--gather", "batch", "--memory", "queue(64)")
    assert "gather_inputs(" in whole.stdout and "MemoryQueue(64)" in whole.stdout


@pytest.mark.parametrize(
    ("option", "names"),
    [("--step", catalog.STEPS), ("--interpolation", catalog.INTERPOLATIONS)],
)
def test_the_listed_surrogates_are_those_that_exist(option, names, good):
    for name in names:
        substituted = ["--interpolation", "substitute"] if option == "--step" else []
        assert run("compile", good, option, name, *substituted).exit_code == 0
    refused = run("compile", good, option, "nonsense").stderr
    listed = re.search(r"expected: one of: (.*)", refused).group(1)
    assert set(listed.split(", ")) == set(names)


# ------------------------------------------------------------------ wrong usage


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["compile"],
        ["check"],
        ["explain"],
        ["train"],
        ["nonsense"],
        ["compile", "accuracy", "--nonsense"],
        ["compile", "accuracy", "--param", "alpha"],
        ["compile", "accuracy", "--param", "=1"],
        ["compile", "accuracy", "--param", "a=1", "--param", "a=2"],
        ["compile", "accuracy", "--param", "a=nan"],
        ["compile", "accuracy", "--seed", "-1"],
        ["check", "accuracy", "--batches", "0"],
        ["explain", "accuracy", "--format", "poem"],
        ["explain", "accuracy", "--graph", "picture.png"],
        ["train", "digits", "--lr", "0"],
        ["train", "digits", "--seeds", "0"],
        ["train", "digits", "--input", "cost"],
        ["train", "digits", "--input", "a=x", "--input", "a=y"],
    ],
)
def test_wrong_usage(arguments):
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_output_into_a_missing_folder(good, tmp_path):
    result = run("compile", good, "-o", tmp_path / "missing" / "loss.py")
    assert result.exit_code == 2
    assert "there is no folder" in words(result.stderr)
    assert not (tmp_path / "missing").exists()


def test_output_onto_a_folder(good, tmp_path):
    result = run("compile", good, "-o", tmp_path)
    assert result.exit_code == 2
    assert "is a folder" in words(result.stderr)


def test_output_never_overwrites_the_spec(good):
    result = run("compile", good, "-o", good)
    assert result.exit_code == 2
    assert good.read_text(encoding="utf-8") == GOOD


# ------------------------------------------------------------------ check


def test_check_counts_batches(good):
    result = run("check", good, "--batches", "20", "--no-audit")
    assert result.exit_code == 0, result.stderr
    assert len(result.stdout.splitlines()) == 1
    assert "20 batches agree" in result.stdout


def test_check_audits_the_gradient(good):
    result = run(
        "check", good, "--batches", "20", "--interpolation", "substitute(tnorm=lukasiewicz)"
    )
    assert result.exit_code == 0  # warnings are no errors
    (equal,) = (line for line in result.stdout.splitlines() if line.split()[:2] == ["64", "equal"])
    assert equal.split()[2:5] == ["100%", "0%", "100%"]  # zero, non-finite, dead
    assert "warning L040 [dead-gradient]" in result.stderr
    assert "hint: try --" in result.stderr


def test_check_has_the_audit_as_json(good):
    report = json.loads(run("check", good, "--batches", "20", "--json").stdout)
    (spec,) = report["specs"]
    audit = spec["audit"]
    assert [(row["size"], row["scale"]) for row in audit["rows"]][:2] == [(16, 0.0), (16, 0.01)]
    assert audit["warnings"] == [] or audit["warnings"][0]["code"].startswith("L04")
    left_out = json.loads(run("check", good, "--batches", "20", "--json", "--no-audit").stdout)
    assert "audit" not in left_out["specs"][0]


def test_check_tabulates_several_specs(good):
    result = run("check", good, "auroc", "--batches", "20")
    assert result.exit_code == 0, result.stderr
    (line,) = (line for line in result.stdout.splitlines() if " auroc " in line)
    assert line.split()[1] == "20"
    assert "O(n log n)" in line
    assert line.split()[-1] == "fine" or line.split()[-1].startswith("L04")
    assert "2 of 2 specs agree" in result.stdout


def test_check_all_takes_every_bundled_spec():
    report = json.loads(run("check", "--all", "--batches", "1", "--json").stdout)
    assert report["ok"] is True
    assert {spec["spec"] for spec in report["specs"]} == set(specs.names())
    assert all(spec["audit"]["rows"] for spec in report["specs"])


def test_check_goes_on_after_a_wrong_spec(good, wrong):
    result = run("check", wrong, good, "--batches", "20", "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert report["ok"] is False
    assert [spec["ok"] for spec in report["specs"]] == [False, True]
    assert report["specs"][0]["diagnostics"][0]["code"] == "L012"
    assert report["specs"][0]["diagnostics"][0]["line"] == 4
    assert report["specs"][1]["batches"] >= 20
    assert "L012" in result.stderr


# ------------------------------------------------------------------ explain


def test_explain_shows_the_stages(good):
    for how in ("table", "text"):
        shown = run("explain", good, "--format", how)
        assert shown.exit_code == 0
        assert "comparison" in shown.stdout
        assert "scores[" in shown.stdout  # brackets are shown as they are


def test_explain_as_json(good):
    explained = json.loads(run("explain", good, "--json").stdout)
    assert explained["spec"] == "my_accuracy"
    assert explained["stages"]


@pytest.mark.parametrize("ending", ["svg", "mmd", "dot"])
def test_explain_draws_the_stages(ending, good, tmp_path):
    target = tmp_path / f"stages.{ending}"
    assert run("explain", good, "--graph", target).exit_code == 0
    drawn = target.read_text(encoding="utf-8")
    assert "comparison" in drawn
    if ending == "svg":
        ElementTree.fromstring(drawn)


@pytest.mark.parametrize("subject", ["L012", "l012", "unknown-name"])
def test_explain_an_error(subject):
    result = run("explain", subject)
    assert result.exit_code == 0
    assert result.stdout.startswith("L012 [unknown-name]: ")
    assert json.loads(run("explain", subject, "--json").stdout)["code"] == "L012"


def test_explain_an_error_that_is_none():
    result = run("explain", "L999")
    assert result.exit_code == 1
    assert "there is no error L999" in result.stderr


# ------------------------------------------------------------------ train


def test_train_says_what_is_missing():
    done = in_a_process("train", "digits", "--quick", code="sys.modules['lightning'] = None; ")
    assert done.returncode == 1
    assert "pip install 'lossc[train]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_train_shows_what_can_be_set(tmp_path):
    config = tmp_path / "my.yaml"
    config.write_text("task: digits\nepochs: 3\n")
    result = run("train", "--config", config, "--set", "network.hidden=[16]", "--show")
    assert result.exit_code == 0
    assert "epochs: 3\n" in result.stdout
    assert "network:\n  hidden: [16]\n" in result.stdout
    wrong = run("train", "digits", "--set", "network.hiden=[16]")
    assert wrong.exit_code == 1
    assert "did you mean 'network.hidden'?" in wrong.stderr


def test_train_knows_its_tasks():
    result = run("train", "digts", "--quick")
    assert result.exit_code == 1
    assert "digits" in result.stderr


# ------------------------------------------------------------------ how commands end


def ending(error: BaseException) -> object:
    def command() -> None:
        raise error

    with pytest.raises(BaseException) as caught:
        guard.guarded(command)()
    return getattr(caught.value, "exit_code", caught.value)


def test_an_interrupt_ends_with_130():
    assert ending(KeyboardInterrupt()) == 130


def test_our_own_mistakes_keep_their_trace():
    from lossc.grammar.errors import InternalError, NotAMetric

    for error in (InternalError("a pass broke"), ZeroDivisionError("?")):
        assert ending(error) is error
    assert ending(NotAMetric("a loss spec has no metric")) == 1


def test_a_terminal_without_unicode_stops_nothing(tmp_path):
    path = tmp_path / "wröng.lossc"
    path.write_text("spec é\n", encoding="utf-8")
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    for arguments in (["list"], ["--help"], ["check", str(path)]):
        done = in_a_process(*arguments, env=ascii_only)
        assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="pipes close otherwise elsewhere")
def test_a_closed_pipe_is_silent():
    reader, writer = os.pipe()
    os.close(reader)
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from lossc.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "explain", "L012"],
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writer)
    assert done.returncode == guard.PIPE_CLOSED
    assert done.stderr == b""


# ------------------------------------------------------------------ files, options, JSON


def test_writing_keeps_permissions_and_links(tmp_path):
    target, link = tmp_path / "real.py", tmp_path / "link.py"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    files.write_atomically(link, "new")
    assert target.read_text() == "new"
    assert link.is_symlink()
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_a_failed_write_leaves_the_old_text(tmp_path, monkeypatch):
    target = tmp_path / "real.py"
    target.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        files.write_atomically(target, "new")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_writing_to_a_device():
    files.check_writable(Path("/dev/null"), (".py",), "-o")
    files.write_atomically(Path("/dev/null"), "text")
    assert not Path("/dev/null").is_file()


@pytest.mark.parametrize(
    ("text", "value"),
    [("a=1", 1), ("a=-2.5", -2.5), ("a=1e-3", 0.001), ("a=inf", float("inf")), ("a=x=y", "x=y")],
)
def test_values_of_params(text, value):
    parsed = options.parse_params([text])["a"]
    assert parsed == value
    assert type(parsed) is type(value)


def test_json_has_no_nan(capsys):
    output.print_json({"loss": float("nan"), "rows": [{"x": float("inf")}, (1, True, None)]})
    assert json.loads(capsys.readouterr().out) == {
        "loss": None,
        "rows": [{"x": None}, [1, True, None]],
    }
