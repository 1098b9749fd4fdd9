"""What every bundled spec has, and what ``lossc list`` shows of it."""

from __future__ import annotations

import pytest
import torch

from lossc import catalog, specs
from lossc.grammar.load import load
from tests.specs.batches import compiled

NAMES = specs.names()
FAMILIES = {
    "multi-class": [
        "accuracy", "top_k_accuracy", "balanced_accuracy", "macro_f1", "matthews_corrcoef",
        "cohen_kappa", "quadratic_weighted_kappa", "within_one",
    ],
    "binary": ["precision", "recall", "specificity", "f_beta", "jaccard"],
    "ranking": [
        "average_precision", "interpolated_average_precision", "auroc", "partial_auroc",
        "tpr_at_fpr", "fnmr_at_fmr", "equal_error_rate", "precision_at_k", "recall_at_k",
        "reciprocal_rank", "hit_rate", "r_precision",
    ],
    "graded": ["ndcg", "spearman", "kendall_tau", "concordance_index"],
    "segmentation": ["mean_iou", "dice", "pixel_accuracy"],
    "pose": ["pck", "pckh"],
    "differentiable": [
        "cross_entropy", "bce", "focal", "anchor_bce", "anchor_pose", "heatmap_mse", "ohem",
        "anchor_bce_static", "anchor_bce_weighted", "anchor_bce_soft", "ohkm", "euclidean",
        "focal_pose",
    ],
}  # fmt: skip
INPUTS = {
    "multi-class": ["scores: real[n, p]", "label: int[n] in p"],
    "binary": ["score: real[n]", "relevant: bool[n]"],
    "ranking": ["score: real[n]", "relevant: bool[n]"],
    "segmentation": ["scores: real[n, p, h, w]", "label: int[n, h, w] in p ignore ignore_index"],
}


def declared(name):
    """``score: real[n]`` for every input, without ranges and defaults."""
    lines = []
    for entry in load(name).inputs:
        kind = entry.kind
        live = "" if kind.live or kind.type != "real" else "target "
        dims = ", ".join(str(dim.size) for dim in kind.dims)
        below = f" in {kind.below.size}" if kind.below is not None else ""
        ignore = f" ignore {kind.ignore.id}" if kind.ignore is not None else ""
        lines.append(f"{entry.name.id}: {live}{kind.type}[{dims}]{below}{ignore}")
    return lines


def test_the_library_is_what_these_families_hold():
    assert {name for names in FAMILIES.values() for name in names} <= set(NAMES)


@pytest.mark.parametrize("family", INPUTS)
def test_specs_of_a_family_take_the_same_inputs(family):
    for name in FAMILIES[family]:
        inputs = declared(name)
        assert inputs[:2] == INPUTS[family], name
        assert inputs[2:] in ([], ["group: int[n]"]), name


@pytest.mark.parametrize("name", FAMILIES["binary"])
def test_thresholded_specs_have_a_threshold_and_an_activation(name):
    params = {param.name.id: param.default for param in load(name).params}
    assert params["threshold"] == 0.5
    assert params["activation"] == "none"


@pytest.mark.parametrize("name", NAMES)
def test_says_what_it_measures_and_who_defined_it(name):
    spec = load(name)
    assert spec.doc is not None
    assert spec.doc.endswith(".")
    assert len(spec.doc.split(". ")) <= 3
    assert spec.source


@pytest.mark.parametrize("name", NAMES)
def test_has_an_example(name):
    assert load(name).examples


@pytest.mark.parametrize("name", NAMES)
def test_numeric_params_have_a_range_but_for_thresholds_and_marks(name):
    for param in load(name).params:
        if not isinstance(param.default, str) and param.name.id not in (
            "threshold",
            "ignore_index",
        ):
            assert param.range is not None, param.name.id


@pytest.mark.parametrize("name", [n for names in FAMILIES.values() for n in names])
def test_an_empty_batch_has_a_value(name):
    """Every spec has its empty case: nothing is undefined where there is nothing."""
    one = compiled(name)
    inputs = {}
    for entry in one.spec.inputs:
        shape = [
            0 if d.size == "n" else 2 if isinstance(d.size, str) else d.size
            for d in entry.kind.dims
        ]
        dtype = {"real": torch.float64, "int": torch.long, "bool": torch.bool}[entry.kind.type]
        inputs[entry.name.id] = torch.zeros(shape, dtype=dtype, requires_grad=entry.kind.live)
    value = one.loss()(**inputs)
    value.backward()
    assert value.isfinite()


def test_the_list_shows_the_first_sentence():
    shown = catalog.specs()
    assert set(shown) == set(NAMES)
    assert shown["accuracy"] == "Top-1 accuracy of a multi-class classifier."
    for name, text in shown.items():
        assert text.endswith(".")
        assert ". " not in text, name
        assert len(text) <= 150, name
