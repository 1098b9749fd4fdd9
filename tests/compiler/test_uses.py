"""``use``: what comes along, under which names, and from where."""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from lossc import specs
from lossc.compiler.batches import batches
from lossc.compiler.compile import compile_spec
from lossc.compiler.uses.expand import DEEPEST, MOST_USES, expand, origins
from lossc.compiler.uses.rename import free, renamed
from lossc.grammar.document import read_yaml
from lossc.grammar.errors import SpecError
from lossc.grammar.format import to_dsl, to_text, to_yaml
from lossc.grammar.load import load
from lossc.grammar.parser import parse_specs
from lossc.grammar.source import Source

SHARE = """
spec share
input score: real[n]
input relevant: bool[n]
param threshold = 0.5
let above[i] = [score[i] > threshold]
evaluate mean[i | relevant[i]] above[i] else 0
"""
PICKED = """
spec picked
input score: real[n]
input relevant: bool[n]
param threshold = 0.5
let above[i] = [score[i] > threshold]
evaluate mean[i | above[i]] [relevant[i]] else 0
"""
F1 = """
spec f1
use share
use picked
evaluate 2 * picked * share / (picked + share) else 0
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, share=SHARE, picked=PICKED)
    return tmp_path


def write(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        (folder / f"{name}.lossc").write_text(text.strip() + "\n", encoding="utf-8")


def refused(text: str, folder: Path | tuple = ()) -> str:
    with pytest.raises(SpecError) as caught:
        expand(load(text), folder)
    return str(caught.value)


def names(spec) -> list[str]:
    return [each.name.id for each in (*spec.inputs, *spec.params, *spec.definitions)]


# ------------------------------------------------------------------ what it is for


@pytest.mark.parametrize("seed", range(5))
def test_f1_of_precision_and_recall(seed):
    text = F1.replace("share", "recall").replace("picked", "precision")
    compiled = compile_spec(text)
    make = torch.Generator().manual_seed(seed)
    score = torch.randint(0, 4, (30,), generator=make) / 3
    relevant = torch.rand(30, generator=make) < 0.4
    want = f1_score(relevant, score > 0.5, zero_division=0.0)
    assert compiled.metric(score, relevant).item() == pytest.approx(want, abs=1e-6)
    assert compiled.refactored(score, relevant).item() == pytest.approx(want, abs=1e-6)
    score.requires_grad_()
    compiled.loss()(score, relevant).backward()
    assert score.grad is not None and score.grad.abs().sum() > 0


def test_the_mean_of_accuracy_and_balanced_accuracy():
    compiled = compile_spec(
        "spec both  use accuracy  use balanced_accuracy\n"
        "evaluate (accuracy + balanced_accuracy) / 2"
    )
    scores, label = torch.randn(40, 5), torch.randint(0, 5, (40,))
    predicted = scores.argmax(1)
    want = (accuracy_score(label, predicted) + balanced_accuracy_score(label, predicted)) / 2
    assert compiled.metric(scores, label).item() == pytest.approx(want, abs=1e-6)
    # `predicted` is the same in both specs, so it is there once
    assert names(compiled.spec).count("predicted") == 1


def test_a_loss_that_adds_bce_to_another():
    compiled = compile_spec(
        "spec sum  use bce\ninput score: real[n]  param weight = 0.1\n"
        "loss bce + weight * mean[i] score[i]^2 else 0"
    )
    score, relevant = torch.randn(20, requires_grad=True), torch.rand(20) < 0.5
    want = torch.nn.functional.binary_cross_entropy_with_logits(score, relevant.float())
    want = want + 0.1 * (score**2).mean()
    value = compiled.loss()(score, relevant)
    torch.testing.assert_close(value, want)
    (own,) = torch.autograd.grad(value, score)
    torch.testing.assert_close(own, torch.autograd.grad(want, score)[0])


def test_a_metric_in_a_loss_is_a_number():
    compiled = compile_spec("spec t use bce use precision loss bce - precision")
    score, relevant = torch.randn(20, requires_grad=True), torch.rand(20) < 0.5
    value, alone = compiled.loss()(score, relevant), compile_spec("bce").loss()(score, relevant)
    precision = compile_spec("precision").metric(score.detach(), relevant)
    torch.testing.assert_close(value, alone - precision)
    (own,) = torch.autograd.grad(value, score)
    torch.testing.assert_close(own, torch.autograd.grad(alone, score)[0])


def test_a_minimised_value_comes_as_it_is():
    compiled = compile_spec(
        "spec t  use equal_error_rate as eer\ninput score: real[n]\nevaluate 1 - eer"
    )
    alone = compile_spec("equal_error_rate")
    score, relevant = torch.randn(30), torch.rand(30) < 0.5
    group = torch.zeros(30, dtype=torch.long)
    whole = {"score": score, "relevant": relevant, "group": group}
    fit = {entry.name.id: whole[entry.name.id] for entry in compiled.spec.inputs}
    torch.testing.assert_close(compiled.metric(**fit), 1 - alone.metric(**fit))


# ------------------------------------------------------------------ what comes along


def test_names_are_shared_where_both_say_the_same(folder):
    whole = expand(load(F1), folder)
    assert names(whole) == ["score", "relevant", "threshold", "above", "share", "picked"]
    assert whole.uses == ()
    assert to_dsl(whole) == (
        "spec f1\n\ninput score: real[n]\ninput relevant: bool[n]\nparam threshold = 0.5\n\n"
        "let above[i] = [score[i] > threshold]\n"
        "let share = mean[i | relevant[i]] above[i] else 0\n"
        "let picked = mean[i | above[i]] [relevant[i]] else 0\n"
        "evaluate 2 * picked * share / (picked + share) else 0\n"
    )


def test_an_alias_begins_the_names(folder):
    text = F1.replace("use picked", "use picked as p\nparam threshold = 0.5")
    whole = expand(load(text.replace("picked", "p").replace("use p as", "use picked as")), folder)
    assert names(whole) == [
        *("score", "relevant", "threshold", "p_threshold"),
        *("above", "share", "p_above", "p"),
    ]
    assert "let p_above[i] = [score[i] > p_threshold]" in to_dsl(whole)
    assert "let p = mean[i | p_above[i]] [relevant[i]] else 0" in to_dsl(whole)


def test_the_same_spec_twice_with_two_params(folder):
    text = (
        "spec t use share as low use share as high\n"
        "evaluate (low + high) / 2 surrogate step sigmoid(temperature = 0.5)"
    )
    compiled = compile_spec(text, folders=folder, params={"low_threshold": 0.2})
    score, relevant = torch.rand(50), torch.rand(50) < 0.5
    hits = [((score > t) & relevant).sum() / relevant.sum() for t in (0.2, 0.5)]
    torch.testing.assert_close(compiled.metric(score, relevant), (hits[0] + hits[1]) / 2)


def test_two_levels_of_a_bundled_spec():
    page = (Path(__file__).parents[2] / "docs" / "language.md").read_text(encoding="utf-8")
    text = page[page.index("spec recall_at_two_levels") :].partition("```")[0]
    compiled = compile_spec(text, params={"low_threshold": 0.2, "high_threshold": 0.8})
    score, relevant = torch.rand(40), torch.rand(40) < 0.5
    want = [
        compile_spec("recall", params={"threshold": t}).metric(score, relevant) for t in (0.2, 0.8)
    ]
    torch.testing.assert_close(compiled.metric(score, relevant), sum(want) / 2)


def test_inputs_come_behind_those_of_the_user(folder):
    whole = expand(load("spec t\ninput weight: target real[n]\nuse share\nevaluate share"), folder)
    assert [entry.name.id for entry in whole.inputs] == ["weight", "score", "relevant"]


def test_what_does_not_come_along(folder):
    write(
        folder,
        rich="spec rich doc 'd' source 's'".replace("'", '"')
        + "\ninput scores: real[n, p]  input label: int[n] in p\n"
        "decode guess[i] = argmax[j] scores[i, j]\nevaluate mean[i] [guess[i] == label[i]] else 0\n"
        "truth scores[i, j] = [j == label[i]]\nsurrogate step sigmoid(temperature = 3)\n"
        "schedule warmup(epochs = 5)\n"
        "example scores = [[0, 1]], label = [1] gives 1",
    )
    whole = expand(load("spec t use rich evaluate rich"), folder)
    assert (whole.doc, whole.source, whole.surrogates, whole.schedules) == (None, None, (), ())
    assert whole.examples == ()
    assert [each.kind for each in whole.definitions] == ["decode", "let"]


def test_terms_come_as_definitions(folder):
    write(
        folder,
        two="spec two\ninput x: real[n]\nterm near = mean[i] x[i]^2\nterm far = mean[i] abs(x[i])\n"
        "combine near + 0.3 * far",
    )
    whole = expand(load("spec t use two as b loss 2 * b"), folder)
    assert names(whole) == ["x", "b_near", "b_far", "b"]
    value = compile_spec("spec t use two loss 2 * two", folders=folder).loss()
    x = torch.randn(9)
    torch.testing.assert_close(value(x), 2 * ((x**2).mean() + 0.3 * x.abs().mean()))


def test_an_ignored_value_belongs_to_its_input(folder):
    text = "spec t use pixel_accuracy as a use pixel_accuracy as b evaluate a + b"
    whole = expand(load(text))
    assert [param.name.id for param in whole.params] == ["ignore_index"]
    assert "ignore ignore_index" in to_dsl(whole)


@pytest.mark.parametrize(
    ("own", "first", "second", "left"),
    [
        ("", " = 1", " = 1", 1),
        ("", " = 1", "", None),
        ("input w: target real[n] = 2", " = 1", "", 2),
        ("input w: target real[n]", " = 1", " = 3", None),
    ],
)
def test_defaults_of_shared_inputs(folder, own, first, second, left):
    for name, default in (("a", first), ("b", second)):
        write(
            folder,
            **{
                name: f"spec {name}\ninput x: real[n]\ninput w: target real[n]{default}\n"
                f"loss mean[i] w[i] * x[i]"
            },
        )
    whole = expand(load(f"spec t use a use b {own} loss a + b"), folder)
    (weight,) = [entry for entry in whole.inputs if entry.name.id == "w"]
    assert weight.kind.default == left


def test_two_defaults_clash(folder):
    for name, default in (("a", 1), ("b", 2)):
        text = f"input x: real[n]\ninput w: target real[n] = {default}\nloss mean[i] w[i] * x[i]"
        write(folder, **{name: f"spec {name}\n{text}"})
    assert "'w' is an input of 'b'" in refused("spec t use a use b loss a + b", folder)


def test_a_value_that_is_called_as_a_definition(folder):
    write(folder, own="spec own\ninput x: real[n]\nlet own = mean[i] x[i]\nloss own")
    assert names(expand(load("spec t use own loss own"), folder)) == ["x", "own"]
    write(folder, own="spec own\ninput x: real[n]\nlet own = mean[i] x[i]\nloss 2 * own")
    assert "`use own as other`" in refused("spec t use own loss own", folder)
    assert names(expand(load("spec t use own as o loss o"), folder)) == ["x", "o_own", "o"]


# ------------------------------------------------------------------ from where


def test_nested_uses_and_diamonds(folder):
    write(folder, f1=F1, twice="spec twice use share evaluate 2 * share")
    whole = expand(load("spec top use f1 use twice evaluate f1 + twice"), folder)
    assert names(whole) == [
        *("score", "relevant", "threshold", "above", "share", "picked", "f1", "twice")
    ]
    aliased = expand(load("spec top use f1 as g evaluate g"), folder)
    assert "g_share" in names(aliased) and "2 * g_picked * g_share" in to_dsl(aliased)


def test_origins(folder):
    whole = expand(load(F1), folder)
    share, picked = str(folder / "share.lossc"), str(folder / "picked.lossc")
    shared = ["score", "relevant", "threshold", "above", "share"]
    assert origins(whole) == {share: shared, picked: ["picked"]}


def test_folders_come_before_the_library_and_the_variable_between(tmp_path, monkeypatch):
    given, named = tmp_path / "given", tmp_path / "named"
    for place, value in ((given, 1), (named, 2)):
        place.mkdir()
        text = f"spec auroc\ninput x: real[n]\nloss {value} * mean[i] x[i]"
        write(place, auroc=text, own=text)
    text = "spec t use auroc evaluate auroc"
    assert "mean[i]" not in to_dsl(expand(load(text)))
    monkeypatch.setenv("LOSSC_SPECS", os.pathsep.join([str(named), ""]))
    assert "2 * mean[i] x[i]" in to_dsl(expand(load(text)))
    assert "1 * mean[i] x[i]" in to_dsl(expand(load(text), given))
    assert "1 * mean[i] x[i]" in to_dsl(load("own", folders=[given]))
    assert "2 * mean[i] x[i]" in to_dsl(load("own"))
    monkeypatch.setenv("LOSSC_SPECS", str(tmp_path / "gone"))
    assert "LOSSC_SPECS names it" in refused("spec t use auroc evaluate auroc")
    for missing in ("gone", "", [".", "gone"], "nul\0"):
        with pytest.raises(SpecError, match="is not a folder"):
            load("auroc", folders=missing)


def test_a_path_and_a_text_need_no_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LOSSC_SPECS", str(tmp_path / "gone"))
    assert load(specs.path("auroc")).name.id == "auroc"
    data = pickle.dumps(compile_spec("spec t input x: real[n] loss mean[i] x[i]^2").loss())
    assert pickle.loads(data)(torch.ones(2)) == 1


def test_what_a_bundled_spec_uses_is_bundled(tmp_path, monkeypatch):
    library, own = tmp_path / "library", tmp_path / "own"
    library.mkdir()
    own.mkdir()
    write(library, half="spec half use whole loss 0.5 * whole")
    write(library, whole="spec whole\ninput x: real[n]\nloss mean[i] x[i]")
    write(own, whole="spec whole\ninput x: real[n]\nloss 100 * mean[i] x[i]")
    monkeypatch.setattr(specs, "_FOLDER", library)
    used = to_dsl(expand(load("spec t use half loss half"), own))
    assert "let whole = mean[i] x[i]" in used
    assert "100" in to_dsl(expand(load("spec t use whole loss whole"), own))


def test_nothing_beside_a_spec_is_found_without_its_folder_being_named(folder):
    write(folder, f1=F1)
    message = refused(folder / "f1.lossc")  # type: ignore[arg-type]
    assert f"it lies beside this spec: name the folder, with `--specs {folder}`" in message
    assert expand(load(folder / "f1.lossc"), folder).name.id == "f1"


@pytest.mark.parametrize("name", ["../share", "/etc/passwd", "a.b", '"share"', "share::share", ""])
def test_a_use_is_a_name_and_no_path(name, folder):
    inner = folder / "inner"
    inner.mkdir()
    with pytest.raises(SpecError, match=r"L01[0-3]"):
        expand(load(f"spec t\nuse {name}\ninput x: real[n]\nloss mean[i] x[i]\n"), inner)


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_does_not_lead_out_of_a_folder(folder):
    inner = folder / "inner"
    inner.mkdir()
    (inner / "share.lossc").symlink_to(folder / "share.lossc")
    (inner / "again.lossc").symlink_to(inner / "own.lossc")
    write(inner, own=SHARE.replace("share", "own"))
    assert "leads out of its folder" in refused("spec t use share evaluate share", inner)
    with pytest.raises(SpecError, match="leads out of its folder"):
        load("share", folders=inner)
    assert expand(load("spec t use again evaluate again"), inner).definitions[-1].name.id == "again"
    # the folder itself may be a link
    (folder / "link").symlink_to(inner, target_is_directory=True)
    assert load("own", folders=folder / "link").name.id == "own"


def test_a_file_of_several_specs_has_the_one_that_it_is_called_by(folder):
    (folder / "pair.lossc").write_text(SHARE + PICKED.replace("picked", "pair"), encoding="utf-8")
    assert names(expand(load("spec t use pair evaluate pair"), folder))[-1] == "pair"
    assert load("pair", folders=folder).name.id == "pair"
    (folder / "other.lossc").write_text(SHARE + PICKED, encoding="utf-8")
    message = refused("spec t use other evaluate other", folder)
    assert message.startswith("<text>:1:12: error L036 [bad-use]: cannot use ")
    assert "other.lossc: the text has 2 specs, and one is needed" in message


def test_cycles(folder):
    write(folder, a="spec a use b loss b", b="spec b use c as d loss d", c="spec c use a loss a")
    assert "'a' uses itself: a -> b -> c -> a" in refused("spec t use a loss a", folder)
    assert "'a' uses itself: a -> b -> c -> a" in refused(folder / "a.lossc", folder)  # type: ignore[arg-type]
    write(folder, me="spec me use me loss me")
    assert "'me' uses itself: me -> me" in refused("spec t use me loss me", folder)
    # a text has no place, so it may wrap the spec whose name it has
    assert names(expand(load("spec auroc use auroc as old evaluate old")))[-1] == "old"


def test_what_a_used_spec_lacks_is_not_found_in_its_user(folder):
    write(folder, lacks="spec lacks\ninput x: real[n]\nloss mean[i] x[i] * scale")
    write(folder, below="spec below\ninput x: real[n]\ninput c: int[n] in p\nloss mean[i] x[i]")
    text = "spec t use lacks param scale = 3 loss lacks"
    assert "lacks.lossc:3:21: error L012 [unknown-name]" in refused(text, folder)
    text = "spec t use below input y: real[n, p] loss below"
    assert "below.lossc:3:20: error L012 [unknown-name]" in refused(text, folder)


def test_all_findings_come_in_one_run_and_each_once(folder):
    write(folder, wrong="spec wrong\ninput x: real[n]\nloss mean[i x[i]")
    write(folder, one="spec one use wrong loss wrong", two="spec two use wrong loss wrong")
    message = refused("spec t use one use two use nowhere loss one + two", folder)
    assert message.count(" error L") == 2
    assert message.count("wrong.lossc:3:10") == 1
    assert "note: used at one.lossc:1:10, used at <text>:1:8" in message


# ------------------------------------------------------------------ limits


def test_what_grows_without_end_is_refused(folder):
    write(folder, s0="spec s0\ninput x: real[n]\nlet y = mean[i] x[i]\nloss y")
    for level in range(1, 15):
        write(
            folder,
            **{
                f"s{level}": f"spec s{level} use s{level - 1} as a use s{level - 1} as b loss a + b"
            },
        )
    assert len(names(expand(load("spec t use s5 loss s5"), folder))) == 3 * 2**5
    assert "error L003 [too-large]" in refused("spec t use s14 loss s14", folder)
    for level in range(1, DEEPEST + 2):
        write(folder, **{f"s{level}": f"spec s{level} use s{level - 1} loss s{level - 1}"})
    assert f"over {DEEPEST} specs use one another" in refused(
        f"spec t use s{DEEPEST + 1} loss 1", folder
    )
    many = " ".join(f"use s0 as a{number}" for number in range(MOST_USES + 1))
    assert f"over {MOST_USES} specs are used" in refused(f"spec t {many} loss a1", folder)
    assert "at most 64 characters" in refused(f"spec t use s0 as {'a' * 65} loss 1", folder)


# ------------------------------------------------------------------ texts, pickles, renaming


@pytest.mark.parametrize(
    "text",
    [
        F1,
        F1.replace("use picked", "use picked as recall_2").replace(" picked", " recall_2"),
        "spec t use accuracy as a use balanced_accuracy as b use macro_f1 evaluate a + b",
        "spec t use pckh as near use pck evaluate near + pck param alpha = 0.2 in (0, inf)",
    ],
)
def test_an_expanded_spec_is_a_text_of_the_language(text, folder):
    text = text.replace("use recall_2 as", "use picked as")
    whole = expand(load(text), folder)
    assert parse_specs(Source("<text>", to_dsl(whole)))[0] == whole
    assert read_yaml(Source("<text>", to_yaml(whole))) == whole
    assert expand(whole) is whole


def test_a_compiled_spec_and_its_pickle_stand_alone(folder):
    compiled = compile_spec(F1, folders=folder)
    loss = compiled.loss(temperature=0.5)
    assert "use " not in compiled.text
    assert "let share = mean" in compiled.source()
    data = pickle.dumps(loss)
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    twin = pickle.loads(data)
    score, relevant = torch.rand(9), torch.rand(9) < 0.5
    assert torch.equal(twin.metric(score, relevant), loss.metric(score, relevant))
    assert repr(twin) == repr(loss)


@pytest.mark.parametrize(
    ("text", "mapping", "want"),
    [
        ("x + sum[i | x] x * y", {"x": "a_x"}, "a_x + sum[i | a_x] a_x * y"),
        ("sum[x] f[x] * y", {"x": "a_x", "y": "a_y"}, "sum[x] f[x] * a_y"),
        ("sum[a_x] f[a_x] * x", {"x": "a_x"}, "sum[a_x_] f[a_x_] * a_x"),
        ("sum[a_x] f[a_x, a_x_] * x", {"x": "a_x"}, "sum[a_x__] f[a_x__, a_x_] * a_x"),
        ("sum[i in 1..x] max[x in 1..x] x", {"x": "a_x"}, "sum[i in 1..a_x] max[x in 1..a_x] x"),
        ("sort[i | c[i]] v[i] at i", {"i": "a_i"}, "sort[i | c[i]] v[i] at a_i"),
        ("max(max, x) + max", {"max": "a_max"}, "max(a_max, x) + a_max"),
        ("where(x == 1, (x, y), z) else x", {"x": "b"}, "where(b == 1, (b, y), z) else b"),
    ],
)
def test_renaming_respects_what_is_bound(text, mapping, want):
    expr = load(f"spec t\ninput q: real[n]\nloss {text}").goal.body
    assert to_text(renamed(expr, mapping)) == want


@given(st.sampled_from(sorted(specs.names())))
def test_a_used_spec_has_the_value_of_the_spec_itself(name):
    # every bundled spec can be used, plainly and with an alias, and reads back
    for alias in ("", " as other"):
        whole = expand(load(f"spec t use {name}{alias} loss {'other' if alias else name}"))
        again = parse_specs(Source("<text>", to_dsl(whole)))[0]
        assert again == whole
        known = {each.name.id for each in (*whole.inputs, *whole.params, *whole.definitions)}
        sizes = {dim.size for entry in whole.inputs for dim in entry.kind.dims}
        used = {n.id for d in whole.definitions for n in free(d)}
        assert used <= known | sizes


# (the metric of empty batches may be undefined: these have an `else` for them)
@pytest.mark.parametrize("name", ["average_precision", "macro_f1", "top_k_accuracy", "pckh"])
def test_a_used_metric_has_the_same_value(name):
    alone = compile_spec(name)
    used = compile_spec(f"spec t use {name} as v evaluate v")
    assert used.stages.form == alone.stages.form
    for batch in batches(alone.spec, dict(alone.plan.graph.params), 7, seed=0):
        torch.testing.assert_close(used.metric(**batch.inputs), alone.metric(**batch.inputs))
