"""Generated modules: standalone, formatted, the same text in memory, and at home in torch."""

from __future__ import annotations

import ast
import copy
import pickle
import subprocess
import sys
import textwrap

import pytest
import torch
from torch.testing import assert_close

from lossc import specs
from lossc.compiler.batches import make_batch
from lossc.compiler.compile import compile_spec
from lossc.compiler.emit.memory import load_module
from lossc.compiler.emit.names import identifier
from lossc.compiler.emit.text import docstring, quoted
from tests.surrogates import IDW

NAMES = specs.names()

#: Whose text is reviewed: of every form of a metric, with every source of the best configuration.
REVIEWED = (
    *("accuracy", "top_k_accuracy", "macro_f1", "precision", "average_precision", "auroc"),
    *("interpolated_average_precision", "precision_at_k", "reciprocal_rank", "ndcg"),
    *("mean_iou", "pckh", "bce", "anchor_bce"),
)


class Library(dict):
    """The bundled specs, each compiled when a test first asks for it."""

    def __missing__(self, name):
        self[name] = compile_spec(name)
        return self[name]


@pytest.fixture(scope="module")
def compiled():
    return Library()


def batch_of(one, kind="random", seed=2):
    batch = make_batch(
        one.spec, dict(one.plan.graph.params), kind, torch.Generator().manual_seed(seed)
    )
    return {k: v.float() if v.is_floating_point() else v for k, v in batch.inputs.items()}


@pytest.mark.parametrize("name", REVIEWED)
def test_source_is_reviewed_text(compiled, golden, name):
    golden(f"modules/{name}.py", compiled[name].source())


def test_source_of_schedules_is_reviewed_text(golden):
    schedule = [
        "warmup(first=cross_entropy, epochs=5)",
        "linear(of=gamma, to=0.1, epochs=4, after=5)",
    ]
    golden(
        "modules/anchor_bce_scheduled.py", compile_spec("anchor_bce", schedule=schedule).source()
    )


@pytest.mark.parametrize("name", REVIEWED)
def test_stages_are_reviewed_text(compiled, golden, name):
    golden(f"stages/{name}.txt", str(compiled[name].stages) + "\n")


def test_sources_are_formatted_and_lint_clean(compiled, root, tmp_path):
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text(compiled[name].source(), encoding="utf-8")
    for command in (["format", "--check"], ["check"]):
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "ruff",
                *command,
                "--no-cache",
                "--config",
                root / "pyproject.toml",
                ".",
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_reviewed_modules_are_typed(root):
    """Strictly, as the package is; under its settings, and with what it has learned of torch."""
    modules = sorted((root / "tests" / "golden" / "modules").glob("*.py"))
    assert len(modules) >= 10
    command = [sys.executable, "-m", "mypy", "--config-file", str(root / "pyproject.toml")]
    command += ["--cache-dir", str(root / ".mypy_cache"), *map(str, modules)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_a_module_imports_torch_and_the_standard_library_only(compiled, name):
    tree = ast.parse(compiled[name].source())
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else alias.name).split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert imported - set(sys.stdlib_module_names) == {"torch"}


TRAINS = """
    import importlib.abc, sys

    class NoLossc(importlib.abc.MetaPathFinder):
        def find_spec(self, name, path=None, target=None):
            if name.split(".")[0] in ("lossc", "lark", "pydantic", "typer"):
                raise ImportError(name)

    sys.meta_path.insert(0, NoLossc())
    import torch
    import accuracy

    torch.manual_seed(0)
    x = torch.randn(256, 5)
    label = (x @ torch.randn(5, 3)).argmax(1)
    network = torch.nn.Linear(5, 3)
    optimizer = torch.optim.SGD(network.parameters(), lr=5.0)
    loss_fn = accuracy.Accuracy()
    before = loss_fn.metric(network(x), label)
    for _ in range(60):
        optimizer.zero_grad()
        loss_fn(network(x), label).backward()
        optimizer.step()
    after = loss_fn.metric(network(x), label)
    assert after > 0.9 > before + 0.2, (before, after)
    assert "lossc" not in sys.modules
"""


def test_a_module_trains_without_lossc(compiled, tmp_path):
    (tmp_path / "accuracy.py").write_text(compiled["accuracy"].source(), encoding="utf-8")
    (tmp_path / "main.py").write_text(textwrap.dedent(TRAINS), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "main.py"], cwd=tmp_path, capture_output=True, text=True, env={"PATH": ""}
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_file_and_memory_are_bit_equal(compiled, name, tmp_path):
    one = compiled[name]
    path = tmp_path / f"{name}.py"
    path.write_text(one.source(), encoding="utf-8")
    namespace: dict = {"__name__": "standalone"}
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), namespace)
    standalone = namespace[one.module.class_name]()
    live = [entry.name.id for entry in one.spec.inputs if entry.kind.live]
    results = []
    for loss in (one.loss(), standalone):
        inputs = batch_of(one)
        for key in live:
            inputs[key].requires_grad_()
        value = loss(**inputs)
        results.append([value, *torch.autograd.grad(value, [inputs[key] for key in live])])
    for memory, file in zip(*results, strict=True):
        assert torch.equal(memory, file)


def test_the_functional_form_is_the_module():
    one = compile_spec("accuracy", **IDW)
    module = load_module(one.module)
    scores, label = torch.randn(5, 4), torch.randint(4, (5,))
    assert module.accuracy(scores, label, seed=3) == one.loss(seed=3)(scores, label)


# torch's tracer instantiates autograd functions, which torch itself deprecates
TRACER_NOISE = pytest.mark.filterwarnings("ignore:.*should not be instantiated")


@TRACER_NOISE
@pytest.mark.parametrize("name", REVIEWED)
def test_torch_compile_takes_the_whole_graph(compiled, name):
    one = compiled[name]
    loss = one.loss().eval()
    live = [entry.name.id for entry in one.spec.inputs if entry.kind.live]
    results = []
    for function in (loss, torch.compile(loss, fullgraph=True, backend="aot_eager")):
        inputs = batch_of(one)
        for key in live:
            inputs[key].requires_grad_()
        value = function(**inputs)
        results.append([value, *torch.autograd.grad(value, [inputs[key] for key in live])])
    for eager, traced in zip(*results, strict=True):
        assert_close(traced, eager)


@TRACER_NOISE
def test_a_compiled_loss_advances_its_step_in_training():
    loss = compile_spec("accuracy", **IDW).loss()
    traced = torch.compile(loss, fullgraph=True, backend="aot_eager")
    scores, label = torch.randn(6, 4), torch.randint(4, (6,))
    values = {traced(scores, label).item() for _ in range(4)}
    assert len(values) > 1
    assert loss.step.item() == 4


@TRACER_NOISE
def test_a_drawn_optimum_is_compiled_whole():
    one = compile_spec("recall_at_k", interpolation="idw(best=sampled)")
    score, relevant = torch.randn(9, requires_grad=True), torch.arange(9) % 2 == 0
    whole = torch.compile(one.loss(), fullgraph=True, backend="aot_eager")
    assert_close(whole(score, relevant), one.loss()(score, relevant))


@pytest.mark.parametrize("name", NAMES)
def test_bfloat16_autocast(compiled, name):
    one = compiled[name]
    live = [entry.name.id for entry in one.spec.inputs if entry.kind.live]
    inputs = batch_of(one)
    exact = one.loss().eval()(**inputs)
    half = {k: v.bfloat16().requires_grad_() if k in live else v for k, v in inputs.items()}
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = one.loss().eval()(**half)
    value.backward()
    assert value.dtype == torch.float32
    assert half[live[0]].grad.dtype == torch.bfloat16
    assert half[live[0]].grad.isfinite().all()
    assert_close(value, exact, rtol=0.05, atol=0.05)


def test_losses_pickle_and_copy(compiled):
    one = compile_spec(
        "precision_at_k", params={"k": 2}, interpolation="idw(good=4)", squash="sigmoid"
    )
    loss = one.loss(seed=5)
    score, relevant = torch.randn(9), torch.rand(9) < 0.5
    loss(score, relevant)
    for twin in (pickle.loads(pickle.dumps(loss)), copy.deepcopy(loss)):
        assert (twin.k, twin.good, twin.squash, twin.seed.item(), twin.step.item()) == (
            2, 4, "sigmoid", 5, 1,
        )  # fmt: skip
        assert twin.eval()(score, relevant) == loss.eval()(score, relevant)
        assert twin.train().training
        loss.train()


def test_names_that_python_keeps_to_itself():
    text = """
spec class
input lambda: real[import, self]
input torch: int[import] in self
decode print[i] = argmax[j] lambda[i, j]
evaluate mean[i] [print[i] == torch[i]]
"""
    one = compile_spec(text)
    loss = one.loss()(torch.randn(4, 3), torch.randint(3, (4,)))
    assert loss.isfinite()


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        'a "quoted" word',
        "it's",
        "both ' and \"",
        "back\\slash \\n",
        'triple """ quotes',
        "'''",
        "tab\tand\x00nul",
        "ends with \\",
        'ends with "',
        "\u202e right to left",
        "",
    ],
)
def test_text_in_generated_code_is_only_text(text):
    assert ast.literal_eval(quoted(text)) == text
    lines = docstring("first\n" + text + "\nlast")
    assert ast.literal_eval("\n".join(lines)).rstrip("\n") == "first\n" + text + "\nlast"
    ast.literal_eval("\n".join(docstring(text)))


def test_hostile_documentation_stays_documentation():
    text = 'spec s\ndoc "\\"\\"\\"\\nimport os\\nos.abort()\\n\\"\\"\\""\n'
    text += "input score: real[n]\nevaluate mean[i] [score[i] > 0]\n"
    one = compile_spec(text)
    tree = ast.parse(one.source())
    imported = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    assert "os" not in imported


def test_identifiers_avoid_what_is_taken():
    assert identifier("class") == "class_"
    assert identifier("scores") == "scores"
    assert identifier("x", {"x"}) == "x_"
    assert identifier("__init__") != "__init__"
    assert identifier("__init__").isidentifier()
