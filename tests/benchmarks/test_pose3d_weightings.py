"""The benchmark of weightings for 3D poses, at small size and on embedded data."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from lossc.compiler.compile import compile_spec
from lossc.models.run import read_json

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import pose3d_weightings as benchmark


def test_the_four_terms_are_euclidean_losses(tmp_path: Path):
    """Under hand-made weights, against arithmetic in torch (no part of ours)."""
    path = tmp_path / "four_manual.lossc"
    path.write_text(benchmark.spec_text("four_manual"))
    loss = compile_spec(str(path)).loss()
    n, k, d, h, w = 2, 3, 4, 5, 6
    plane, plane_target = torch.rand(2, n, k, h, w, dtype=torch.float64)
    volume, volume_target = torch.rand(2, n, k, d, h, w, dtype=torch.float64)
    joint, depth = torch.rand(n, k, 2, dtype=torch.float64), torch.rand(n, k, dtype=torch.float64)
    found = loss(plane, plane_target, volume, volume_target, joint, depth)
    prob = (30 * volume).flatten(2).softmax(-1).reshape(volume.shape)
    x = torch.einsum("nkdhw,w->nk", prob, (torch.arange(w) + 0.5).double() / w)
    y = torch.einsum("nkdhw,h->nk", prob, (torch.arange(h) + 0.5).double() / h)
    z = torch.einsum("nkdhw,d->nk", prob, (torch.arange(d) + 0.5).double() / d)
    squares = (
        ((plane - plane_target) ** 2).sum()
        + 0.1 * ((volume - volume_target) ** 2).sum()
        + ((torch.stack([x, y], dim=-1) - joint) ** 2).sum()
        + ((z - depth) ** 2).sum()
    )
    torch.testing.assert_close(found, squares / (2 * n))


@pytest.mark.parametrize("name", ["four_uncertainty", "four_gradnorm"])
def test_learnt_weightings_have_weights(tmp_path: Path, name: str):
    path = tmp_path / f"{name}.lossc"
    path.write_text(benchmark.spec_text(name))
    loss = compile_spec(str(path)).loss()
    plane = torch.rand(2, 3, 5, 6, requires_grad=True)
    volume = torch.rand(2, 3, 4, 5, 6, requires_grad=True)
    value = loss(plane, plane * 0, volume, volume * 0, torch.rand(2, 3, 2), torch.rand(2, 3))
    value.backward()
    assert volume.grad is not None and volume.grad.isfinite().all()
    assert loss.state_dict()  # what the weighting has learnt goes into checkpoints


def test_the_ladder_climbs_and_does_not_run_twice(tmp_path: Path, capsys):
    words = ["--ladder", "--depth", "2", "--seeds", "1", "--epochs", "1", "--examples", "16"]
    benchmark.main([*words, "--out", str(tmp_path)])
    printed = capsys.readouterr().out
    assert "| 1 | " in printed and "| 2 | " in printed
    folder = tmp_path / "ladder-i1-adaptive_h1"
    first, second = (torch.load(folder / depth / "0" / "network.pt") for depth in ("1", "2"))
    assert first["heatmap2.weight"].shape[0] * 2 == second["heatmap2.weight"].shape[0]
    # two steps at a small rate: still near the weights that it started from
    moved = (second["stem.0.weight"] - first["stem.0.weight"]).abs().max()
    assert 0 < moved < 0.02
    before = read_json(folder / "2" / "0" / "result.json")
    benchmark.main([*words, "--out", str(tmp_path)])
    again = capsys.readouterr().out
    assert "seed 0:" in printed and "seed 0:" not in again
    assert read_json(folder / "2" / "0" / "result.json") == before
