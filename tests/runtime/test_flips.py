"""Anchors that flip rows, columns and shares: what they flip, and the value and gradient of all."""

from __future__ import annotations

import functools

import pytest
import torch
from scipy import stats
from torch.testing import assert_close

from lossc.compiler.batches import make_batch
from lossc.compiler.compile import compile_spec
from lossc.compiler.refactor.lines import line_axes
from lossc.grammar.errors import SpecError
from lossc.runtime.between import where_we_stand
from lossc.runtime.counter import random_words
from lossc.runtime.families import binaries_of, rows_of_binaries
from lossc.runtime.flipped_shares import expected_shares, flip_share, thinned_counts
from lossc.runtime.reference import idw, idw_gradient
from lossc.runtime.written_out import configurations
from tests.surrogates import IDW

# of every form in which a metric takes its binaries, and with every source of the best one
METRICS = (
    *("accuracy", "f_beta", "average_precision", "auroc", "pckh", "precision_at_k", "macro_f1"),
    *("concordance_index", "within_one", "mean_iou", "ndcg", "kendall_tau"),
)
WITHOUT_COLUMNS = ("accuracy", "f_beta", "precision_at_k", "macro_f1", "mean_iou")
CASES = [
    (name, flips)
    for name in METRICS
    for flips in ("row", "column", "share")
    if flips != "column" or name not in WITHOUT_COLUMNS
]
KINDS = ["random", "tied", "equal", "masked", "full"] * 6


@functools.cache
def compiled(name, flips, more=""):
    return compile_spec(name, **{**IDW, "interpolation": f"idw(flips={flips}{more})"})


def lines_of(one, flips):
    if flips == "share":
        return ()
    return tuple(line_axes(row, flips) for row in one.plan.families)


def prepared_batches(one):
    """A few batches of different kinds, with a leaf for each live input."""
    generator = torch.Generator().manual_seed(11)
    live = [entry.name.id for entry in one.spec.inputs if entry.kind.live]
    for kind in KINDS:
        batch = make_batch(one.spec, dict(one.plan.graph.params), kind, generator)
        values = {
            k: v.clone().requires_grad_() if k in live else v for k, v in batch.inputs.items()
        }
        yield values, [values[name] for name in live]


def best_of(one, loss, inputs, families):
    return loss.best(*inputs, families) if one.plan.uses_truth else None


def relaxed(families):
    parts = [(f.left - f.right).expand(f.stored.shape)[f.stored] for f in families]
    return torch.cat(parts).sigmoid()


@pytest.mark.parametrize(("name", "flips"), CASES)
@pytest.mark.parametrize("rule", ["exact", "published"])
def test_value_and_gradient_equal_the_written_out_ones(name, flips, rule):
    one = compiled(name, flips)
    sense = 1 if one.spec.goal.kind == "minimize" else -1
    loss = one.loss(gradient=rule, bits="drawn", good=7, nearby=6, bad=5, validate=False)
    compared = 0
    for inputs, leaves in prepared_batches(one):
        value = loss(**inputs)
        prepared = loss.prepare(**inputs)
        families = loss.families(*prepared)
        u = relaxed(families)
        best = best_of(one, loss, prepared, families)
        lines = lines_of(one, flips)
        anchors = configurations(
            families, loss.seed, loss.step - 1, 7, 5, 6, best, flips=flips, lines=lines
        )
        metric = loss.evaluate_binaries(anchors, **inputs)
        if u.numel() == 0 or metric.isnan().any() or compared == 4:
            continue
        gradients = torch.autograd.grad(value, leaves)
        plain = idw(u.detach(), anchors.double(), metric)
        assert_close(value.detach(), sense * plain, rtol=0, atol=1e-12)
        pull = idw_gradient(u.detach(), anchors.double(), metric, rule)
        for got, want in zip(
            gradients, torch.autograd.grad(sense * (u @ pull), leaves), strict=True
        ):
            assert_close(got, want, rtol=0, atol=1e-10)
        compared += 1
    assert compared >= 3


def items_of_bits(name, flips, families):
    """The item on the line's side of each stored bit, as a label, by what the metric says."""
    labels = []
    for number, family in enumerate(families):
        places = family.stored.nonzero().tolist()
        for place in places:
            if name in ("average_precision", "auroc"):  # [positive, other]
                labels.append((number, place[0] if flips == "row" else place[1]))
            elif name == "pckh":  # [image, joint, inside y, x, outside y, x]
                item = place[:4] if flips == "row" else place[:2] + place[4:]
                labels.append((number, *item))
            elif name == "accuracy":  # [example, other class]
                labels.append((number, place[0]))
            else:
                labels.append((number, *place))
    return labels


@pytest.mark.parametrize(
    ("name", "flips"),
    [
        *(("average_precision", "row"), ("average_precision", "column"), ("auroc", "row")),
        *(("auroc", "column"), ("pckh", "row"), ("pckh", "column"), ("accuracy", "row")),
    ],
)
def test_good_anchors_lose_a_line_and_nearby_ones_correct_one(name, flips):
    one = compiled(name, flips)
    loss = one.loss()
    compared, seen = 0, set()
    for inputs, _ in prepared_batches(one):
        families = loss.families(*loss.prepare(**inputs))
        now = torch.cat([binaries_of(family)[family.stored] for family in families])
        if now.numel() == 0:
            continue
        items = items_of_bits(name, flips, families)
        anchors = configurations(
            families,
            loss.seed,
            loss.step + compared,
            9,
            0,
            9,
            flips=flips,
            lines=lines_of(one, flips),
        )
        assert anchors[0].all()
        for number, anchor in enumerate(anchors[1:]):
            good = number < 9
            changed = anchor != (torch.ones_like(now) if good else now)
            lines = {items[place] for place in changed.nonzero().flatten().tolist()}
            assert len(lines) == 1
            (line,) = lines
            own = torch.tensor([item == line for item in items])
            if good or bool(now.all()):
                assert torch.equal(changed, own)
                assert not anchor[own].any()
            else:
                assert torch.equal(changed, own & ~now)
                assert anchor[own].all()
            seen.add((good, line))
        compared += 1
    assert compared >= 4
    assert len(seen) > 6


def test_the_row_of_an_item_of_a_mirrored_family_is_all_pairs_that_it_is_in():
    one = compiled("macro_f1", "row")
    loss = one.loss()
    scores = torch.randn(5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    families = loss.families(*loss.prepare(scores, torch.tensor([0, 1, 2, 3, 0])))
    (family,) = families
    assert family.mirrored
    anchors = configurations(
        families, loss.seed, loss.step, 40, 0, 0, flips="row", lines=lines_of(one, "row")
    )
    places = family.stored.nonzero()
    for anchor in anchors[1:]:
        at = places[anchor != anchors[0]].tolist()
        pairs = [(i, {a, b}) for i, a, b in at]
        assert len(at) == 3  # each of four classes meets three others
        assert len({i for i, _ in pairs}) == 1
        assert set.intersection(*(pair for _, pair in pairs))


@pytest.mark.parametrize("name", WITHOUT_COLUMNS)
def test_a_metric_without_shared_items_has_no_columns(name):
    with pytest.raises(SpecError, match="L028") as caught:
        compile_spec(name, interpolation="idw(flips=column)")
    (found,) = caught.value.diagnostics
    assert found.span is not None
    assert "share an item" in found.message


def test_other_flips_are_refused():
    with pytest.raises(SpecError, match="flips = colum is not a choice"):
        compile_spec("auroc", interpolation="idw(flips=colum)")


@pytest.mark.parametrize("bits", ["drawn", "expected"])
@pytest.mark.parametrize(("name", "flips"), CASES)
def test_exact_gradient_is_the_finite_difference(name, flips, bits):
    one = compiled(name, flips)
    batch = make_batch(
        one.spec, dict(one.plan.graph.params), "random", torch.Generator().manual_seed(3)
    )
    (key, *_) = [entry.name.id for entry in one.spec.inputs if entry.kind.live]
    leaf = batch.inputs[key].clone().requires_grad_()
    loss = one.loss(bits=bits).eval()
    assert torch.autograd.gradcheck(lambda x: loss(**{**batch.inputs, key: x}), (leaf,), eps=1e-7)


@pytest.mark.parametrize("flips", ["row", "share"])
def test_published_consistency_and_a_sampled_best_one_go_with_them(flips):
    score = torch.randn(24, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    relevant = torch.arange(24) % 3 == 0
    for name, more in (
        ("interpolated_average_precision", ", inconsistent=published"),
        ("recall_at_k", ", best=sampled"),
    ):
        leaf = score.clone().requires_grad_()
        loss = compiled(name, flips, more).loss()
        loss(leaf, relevant).backward()
        assert leaf.grad.isfinite().all()
        assert leaf.grad.abs().sum() > 0


# ---------------------------------------------------------------------------- shares


def test_shares_are_powers_of_one_half_down_to_about_one_bit():
    words = random_words(torch.tensor(1), torch.tensor(0), 40_000)
    for number in (1, 2, 3, 8, 100, 2**40):
        found, counts = flip_share(words, torch.tensor(number)).unique(return_counts=True)
        orders = max(1, number.bit_length() - 1)
        assert found.tolist() == [2.0**-k for k in range(orders, 0, -1)]
        assert orders == 1 or stats.chisquare(counts.numpy()).pvalue > 1e-3


@pytest.mark.parametrize("share", [0.5, 0.25, 1 / 64, 2.0**-20])
@pytest.mark.parametrize("size", [0, 1, 5, 30, 200, 10_000, 10**8])
def test_thinned_counts_are_binomial(size, share):
    words = random_words(torch.tensor(5), torch.tensor(size), 2 * 20_000).reshape(-1, 2)
    counts = thinned_counts(words, torch.tensor(size), torch.tensor(share, dtype=torch.float64))
    assert counts.dtype == torch.long
    assert ((counts >= 0) & (counts <= size)).all()
    drawn = counts.double().numpy()
    law = stats.binom(size, share)
    # the largest distance of the distribution functions, against that of 20,000 fair draws
    values = torch.arange(int(law.ppf(1e-6)), int(law.ppf(1 - 1e-6)) + 1).numpy()[
        :: max(1, size // 10**6)
    ]
    below = torch.tensor(drawn).sort().values
    reached = torch.searchsorted(below, torch.tensor(values).double(), right=True) / 20_000
    assert abs(reached.numpy() - law.cdf(values)).max() < 0.015


def test_expected_shares_are_the_mean_of_drawn_ones():
    """Distances and row counts of a coupled family and a simple one, over all steps alike."""
    generator = torch.Generator().manual_seed(0)
    for name in ("macro_f1", "average_precision"):
        one = compiled(name, "share")
        loss = one.loss()
        if name == "macro_f1":
            inputs = torch.randn(4, 6, generator=generator), torch.tensor([0, 1, 2, 5])
        else:
            inputs = torch.randn(14, generator=generator), torch.arange(14) % 3 == 0
        prepared = loss.prepare(*(v.double() if v.is_floating_point() else v for v in inputs))
        families = loss.families(*prepared)
        stored = torch.cat([family.stored.reshape(-1) for family in families])
        now = torch.cat([binaries_of(family).reshape(-1) for family in families])
        u = torch.cat([(f.left - f.right).expand(f.stored.shape).reshape(-1) for f in families])
        tail = (-u.abs()).sigmoid()
        best = best_of(one, loss, prepared, families)
        standing = where_we_stand(tail, stored, now, best)
        seed, step = torch.tensor(3), torch.tensor(0)
        many = (4000, 4000, 0)
        expected = expected_shares(families, standing, best, seed, step, many)
        drawn = configurations(families, seed, step + 1, 4000, 0, 4000, best, flips="share")
        rows = rows_of_binaries(families, drawn)
        relaxed_bits = torch.where(now, 1 - tail, tail)[stored]
        squared = (relaxed_bits - drawn.double()).square().sum(-1)
        for part in (slice(1, 4001), slice(4001, 8001)):
            got, want = expected.rows[part].double().mean(0), rows[part].double().mean(0)
            assert_close(got, want, rtol=0, atol=0.12)
            got, want = expected.rows[part].double().std(0), rows[part].double().std(0)
            assert_close(got, want, rtol=0.1, atol=0.05)
            got, want = expected.squared[part].mean(), squared[part].mean()
            assert_close(got, want, rtol=0.03, atol=0)
