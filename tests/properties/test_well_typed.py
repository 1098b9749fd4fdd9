"""Every generated well-typed spec compiles and validates, and its loss has a finite gradient."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
import torch
from hypothesis import given, settings

from lossc.compiler.batches import make_batch
from lossc.compiler.compile import CompiledLoss, compile_spec
from lossc.grammar.errors import SpecError
from lossc.grammar.format import to_dsl, to_yaml
from lossc.grammar.load import load
from tests.properties.strategies import KINDS, SEEDS, well_typed

IN_CI, BEHIND_SLOW = 200, 2_000
UNKNOWN = 0.15  # share of specs whose best configuration is not derived, at most


def compiled(text: str) -> CompiledLoss | None:
    """The compiled spec, tried on 56 batches; nothing where it is refused for want of a truth."""
    try:
        return compile_spec(text)
    except SpecError as error:
        assert {each.rule for each in error.diagnostics} == {"unknown-best"}, text
        assert not load(text).definitions or "\ntruth " not in text, text
        return None


def has_a_slope(one: CompiledLoss, kind: str, seed: int) -> None:
    """The loss and its gradient are finite on a batch, or the loss says what is undefined."""
    generator = torch.Generator().manual_seed(seed)
    batch = make_batch(one.spec, dict(one.plan.graph.params), kind, generator)
    live = [entry.name.id for entry in one.spec.inputs if entry.kind.live]
    inputs = {
        name: value.requires_grad_() if name in live else value
        for name, value in batch.inputs.items()
    }
    try:
        value = one.loss()(*inputs.values())
    except ValueError as error:
        assert "L029" in str(error) or "undefined" in str(error), f"{one.text}\n{batch}"
        return
    assert value.isfinite(), f"{one.text}\n{batch}"
    if value.requires_grad:
        for slope in torch.autograd.grad(value, [inputs[k] for k in live], allow_unused=True):
            assert slope is None or slope.isfinite().all(), f"{one.text}\n{batch}"


def share_of_unknown(kind: str, seeds: range) -> float:
    unknown = 0
    for seed in seeds:
        one = compiled(well_typed(kind, seed))
        if one is None:
            unknown += 1
            continue
        has_a_slope(one, "random", seed)
        has_a_slope(one, "tied", seed)
    return unknown / len(seeds)


@pytest.mark.parametrize("kind", KINDS)
def test_a_well_typed_spec_compiles(kind: str) -> None:
    count = -(-IN_CI // len(KINDS))
    assert share_of_unknown(kind, range(count)) < UNKNOWN


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "part"), list(itertools.product(KINDS, range(10))))
def test_many_well_typed_specs_compile(kind: str, part: int) -> None:
    count = -(-BEHIND_SLOW // (len(KINDS) * 10))
    assert (
        share_of_unknown(kind, range(1_000 + part * count, 1_000 + (part + 1) * count))
        < 2 * UNKNOWN
    )


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40)
@given(seed=SEEDS)
def test_what_is_written_is_read_again(kind: str, seed: int) -> None:
    spec = load(well_typed(kind, seed))
    assert load(to_dsl(spec)) == spec
    assert load(to_yaml(spec)) == spec
    assert to_dsl(load(to_yaml(spec))) == to_dsl(spec)


@pytest.mark.parametrize("kind", KINDS)
def test_a_module_is_the_loss_in_memory_and_is_clean(kind: str, root: Path, tmp_path: Path) -> None:
    for seed in range(40, 43):
        one = compiled(well_typed(kind, seed))
        if one is None:
            continue
        module = tmp_path / f"{kind}_{seed}.py"
        module.write_text(one.source(), encoding="utf-8")
        space: dict[str, object] = {"__name__": f"{kind}_{seed}"}
        exec(compile(one.source(), str(module), "exec"), space)
        (made,) = (
            v
            for v in space.values()
            if getattr(v, "__module__", "") == space["__name__"]
            and isinstance(v, type)
            and issubclass(v, torch.nn.Module)
        )
        generator = torch.Generator().manual_seed(seed)
        inputs = make_batch(one.spec, dict(one.plan.graph.params), "random", generator).inputs
        values = [loss(*inputs.values()) for loss in (made(), one.loss())]
        torch.testing.assert_close(*values, rtol=0, atol=0, equal_nan=True)
    linted(root, tmp_path, "check", "--extend-ignore=E501")


def test_modules_are_formatted(root: Path, tmp_path: Path) -> None:
    for kind in KINDS:
        one = compiled(well_typed(kind, 42))
        if one is not None:
            (tmp_path / f"{kind}.py").write_text(one.source(), encoding="utf-8")
    linted(root, tmp_path, "format", "--check")
    linted(root, tmp_path, "check")


def linted(root: Path, folder: Path, *arguments: str) -> None:
    ruff = [sys.executable, "-m", "ruff", *arguments, "--no-cache"]
    ruff += ["--config", str(root / "pyproject.toml"), "."]
    done = subprocess.run(ruff, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_one_seed_makes_one_spec() -> None:
    for kind in KINDS:
        assert well_typed(kind, 7) == well_typed(kind, 7)
        assert len({well_typed(kind, seed) for seed in range(30)}) > 20
    assert Random(1).random() == Random(1).random()
