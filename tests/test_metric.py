"""``lossc.Metric``: any spec's metric over everything that was seen, as torchmetrics have it."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import pytest
import torch
import torchmetrics
from sklearn.metrics import average_precision_score, f1_score, ndcg_score, roc_auc_score
from torch import multiprocessing
from torchmetrics.classification import BinaryAveragePrecision, MulticlassAccuracy

import lossc

COST = """
spec cost
input scores: real[n, p]
input label: int[n] in p
input table: target real[p, p]
decode predicted[i] = argmax[j] scores[i, j]
minimize mean[i] sum[j] [predicted[i] == j] * table[label[i], j] else 0
truth scores[i, j] = -table[label[i], j]
"""
MEAN_RECALL = """
spec mean_recall
input score: real[n]
input relevant: bool[n]
input group: int[n] = 0
let recall[g in values(group)] = mean[i | group[i] == g and relevant[i]] [score[i] > 0.5] else 0
evaluate mean[g in values(group)] recall[g] else 0
"""


def batches(sizes=(5, 1, 9, 0, 12), levels=None, seed=0):
    make = torch.Generator().manual_seed(seed)
    for size in sizes:
        score = torch.rand(size, generator=make)
        if levels is not None:
            score = (score * levels).floor() / levels  # ties
        yield score, torch.rand(size, generator=make) < 0.4


# ------------------------------------------------------------------ batches against the whole


@pytest.mark.parametrize("levels", [None, 4])
@pytest.mark.parametrize(
    ("name", "want"),
    [("average_precision", average_precision_score), ("auroc", roc_auc_score)],
)
def test_batches_make_the_whole(name, want, levels):
    metric, seen = lossc.Metric(name), []
    for score, relevant in batches(levels=levels):
        metric.update(score, relevant)
        seen.append((score, relevant))
    score, relevant = (torch.cat(parts) for parts in zip(*seen, strict=True))
    assert metric.compute().item() == pytest.approx(want(relevant, score), abs=1e-6)
    assert metric.compute() == lossc.compile(name).metric(score, relevant)
    means = [lossc.compile(name).metric(*batch) for batch in seen]
    assert metric.compute().item() != pytest.approx(torch.stack(means).mean().item(), abs=1e-3)


def test_against_torchmetrics_step_by_step():
    own, other = lossc.Metric("average_precision"), BinaryAveragePrecision()
    for score, relevant in batches(sizes=(7, 12, 30)):
        value = own(score, relevant.long())  # forward: the value of the batch, and an update
        torch.testing.assert_close(value, other(score, relevant.long()))
    torch.testing.assert_close(own.compute(), other.compute())
    own.reset()
    with (
        pytest.raises(ValueError, match="'average_precision' has seen no batch"),
        pytest.warns(UserWarning, match="before the ``update`` method"),
    ):
        own.compute()
    own.update(score, relevant)
    assert own.compute() == lossc.compile("average_precision").metric(score, relevant)


def test_inputs_by_name_and_params():
    metric = lossc.Metric("precision_at_k", params={"k": 2})
    for score, relevant in batches(sizes=(4, 6)):
        metric.update(relevant=relevant, score=score)
    assert metric.compute() in (0, 0.5, 1)
    assert metric.higher_is_better is True
    assert repr(metric) == "Metric(precision_at_k)"
    assert lossc.Metric("equal_error_rate").higher_is_better is False


def test_a_spec_of_a_folder(tmp_path):
    (tmp_path / "f1.lossc").write_text(
        "spec f1 use precision use recall\n"
        "evaluate 2 * precision * recall / (precision + recall) else 0\n"
    )
    metric, seen = lossc.Metric("f1", folders=tmp_path), []
    for batch in batches():
        metric.update(*batch)
        seen.append(batch)
    score, relevant = (torch.cat(parts) for parts in zip(*seen, strict=True))
    want = f1_score(relevant, score > 0.5)
    assert metric.compute().item() == pytest.approx(want, abs=1e-6)


def test_queries_keep_their_numbers_or_begin_anew():
    score, gain = torch.rand(3, 2, 6), torch.randint(0, 4, (3, 2, 6)).float()
    group = torch.arange(2).repeat_interleave(6)
    anew, whole = lossc.Metric("ndcg", local="group"), lossc.Metric("ndcg")
    for place in range(3):
        batch = (score[place].flatten(), gain[place].flatten())
        anew(*batch, group)  # forward resets in between, and must not mix queries up
        whole.update(*batch, group + 2 * place)
    want = ndcg_score(gain.reshape(6, 6).numpy(), score.reshape(6, 6).numpy())
    assert whole.compute().item() == pytest.approx(want, abs=1e-6)
    assert anew.compute().item() == pytest.approx(want, abs=1e-6)
    mixed = lossc.Metric("ndcg")
    for place in range(3):
        mixed.update(score[place].flatten(), gain[place].flatten(), group)
    assert mixed.compute().item() != pytest.approx(want, abs=1e-6)
    with pytest.raises(
        ValueError, match="'gain' does not number anything in 'ndcg'; one of: group"
    ):
        lossc.Metric("ndcg", local=["gain"])


def test_an_input_that_is_left_out_has_its_default():
    metric = lossc.Metric(MEAN_RECALL)
    score, relevant = torch.rand(20), torch.rand(20) < 0.5
    metric.update(score[:8], relevant[:8])
    metric.update(score[8:], relevant[8:], group=torch.zeros(12, dtype=torch.long))
    torch.testing.assert_close(metric.compute(), (score[relevant] > 0.5).float().mean())


def test_an_input_without_the_batch_dim_stays_the_same():
    table = torch.tensor([[0.0, 1.0, 5.0], [2.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
    metric, seen = lossc.Metric(COST), []
    for size in (4, 7):
        scores, label = torch.randn(size, 3), torch.randint(0, 3, (size,))
        value = metric(scores, label, table.clone())
        torch.testing.assert_close(value, table[label, scores.argmax(1)].mean())
        seen.append(table[label, scores.argmax(1)])
    metric.update(scores, label, table=table)
    seen.append(seen[-1])
    torch.testing.assert_close(metric.compute(), torch.cat(seen).mean())
    assert len(metric.seen_table) == 1
    assert metric.higher_is_better is False
    value = metric.compute()
    with pytest.raises(ValueError, match="table: has no batch dim, and is not the same in every"):
        metric.update(scores, label, table + 1)
    metric.update(scores[:0], label[:0], table)
    assert metric.compute() == value  # nothing of the refused batch was taken
    with pytest.raises(ValueError, match="table: has no batch dim"):
        metric(scores, label, table + 1)


# ------------------------------------------------------------------ what is refused


def test_what_cannot_be_a_metric():
    with pytest.raises(lossc.NotAMetric, match="'bce' defines a loss, which has no metric"):
        lossc.Metric("bce")
    with pytest.raises(lossc.SpecError, match="did you mean 'accuracy'"):
        lossc.Metric("acuracy")
    with pytest.raises(ValueError, match="'pairs' has the batch dim n elsewhere than in front"):
        lossc.Metric(
            "spec t input s: real[n] input pairs: bool[n, n]\n"
            "evaluate mean[i, j | pairs[i, j]] [s[i] > s[j]] else 0"
        )
    with pytest.raises(ValueError, match="'t' has no batch dim"):
        lossc.Metric("spec t input s: real[2] evaluate [s[0] > s[1]]")


@pytest.mark.parametrize(
    ("inputs", "named", "error", "message"),
    [
        ((torch.rand(3),) * 5, {}, TypeError, "'recall' has 2 inputs, not 5"),
        ((torch.rand(3),), {"relevnt": torch.ones(3)}, TypeError, "did you mean 'relevant'"),
        ((torch.rand(3),), {"score": torch.rand(3)}, TypeError, "input 'score' twice"),
        ((torch.rand(3),), {}, TypeError, "relevant"),
        ((torch.rand(3), torch.ones(4).bool()), {}, ValueError, "relevant: expected the dims"),
        ((torch.full((2,), torch.nan), torch.ones(2).bool()), {}, ValueError, "are NaN"),
    ],
)
def test_wrong_inputs_leave_the_metric_as_it_was(inputs, named, error, message):
    metric = lossc.Metric("recall")
    metric.update(torch.tensor([0.9, 0.1]), torch.tensor([True, True]))
    with pytest.raises(error, match=message):
        metric.update(*inputs, **named)
    assert metric.compute() == 0.5


def test_shapes_that_do_not_go_together():
    metric = lossc.Metric("accuracy")
    metric.update(torch.rand(3, 4), torch.zeros(3, dtype=torch.long))
    with pytest.raises(
        ValueError, match=r"scores: the shape \[3, 5\] differs behind the batch dim"
    ):
        metric.update(torch.rand(3, 5), torch.zeros(3, dtype=torch.long))


# ------------------------------------------------------------------ among other metrics


def test_in_a_collection():
    own = {name: lossc.Metric(name) for name in ("average_precision", "precision", "recall")}
    collection = torchmetrics.MetricCollection({**own, "other": BinaryAveragePrecision()})
    seen = []
    for score, relevant in batches(sizes=(6, 11)):
        collection.update(score, relevant.long())
        seen.append((score, relevant))
    score, relevant = (torch.cat(parts) for parts in zip(*seen, strict=True))
    values = collection.compute()
    torch.testing.assert_close(values["average_precision"], values["other"])
    for name in own:
        assert values[name] == lossc.compile(name).metric(score, relevant)
    twin = pickle.loads(pickle.dumps(collection))
    twin.reset()
    twin(score, relevant.long())
    assert twin.compute() == values


def test_a_collection_gives_each_its_own_inputs():
    collection = torchmetrics.MetricCollection(
        {
            "accuracy": lossc.Metric("accuracy"),
            "recall": lossc.Metric("recall"),
            "other": MulticlassAccuracy(3, average="micro"),
        }
    )
    score, relevant = next(batches(sizes=(9,)))
    scores, label = torch.rand(9, 3), torch.randint(0, 3, (9,))
    for _ in range(2):
        collection = pickle.loads(pickle.dumps(collection))
        collection.update(
            scores=scores, label=label, score=score, relevant=relevant, preds=scores, target=label
        )
    values = collection.compute()
    torch.testing.assert_close(values["accuracy"], values["other"])
    assert values["recall"] == lossc.compile("recall").metric(score, relevant)


def test_copies_and_moves():
    metric = lossc.Metric("auroc")
    score, relevant = next(batches(sizes=(15,)))
    metric.update(score.requires_grad_(), relevant)
    assert not metric.seen_score[0].requires_grad
    for twin in (copy.deepcopy(metric), pickle.loads(pickle.dumps(metric)), metric.clone()):
        assert twin.compute() == metric.compute()
        twin.update(score, ~relevant)
        assert twin.compute() == 0.5
        assert twin.higher_is_better is True
    assert metric.state_dict() == {}
    assert list(metric.parameters()) == list(metric.buffers()) == []
    metric.persistent(True)
    fresh = lossc.Metric("auroc")
    fresh.persistent(True)
    fresh.load_state_dict(metric.state_dict())
    assert torch.equal(fresh.seen_score[0], metric.seen_score[0])
    moved = metric.to("meta")
    assert moved.seen_score[0].device.type == "meta"


@pytest.mark.gpu
def test_on_a_gpu():
    metric = lossc.Metric("average_precision").to("cuda")
    here = lossc.Metric("average_precision")
    for score, relevant in batches(levels=5):
        metric.update(score.cuda(), relevant.cuda())
        here.update(score, relevant)
    assert metric.compute().device.type == "cuda"
    torch.testing.assert_close(metric.compute().cpu(), here.compute())
    kept = lossc.Metric("average_precision", compute_on_cpu=True).to("cuda")
    kept.update(score.cuda(), relevant.cuda())
    assert kept.seen_score[0].device.type == "cpu"


# ------------------------------------------------------------------ several processes


def work(rank: int, address: str, values: object) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", f"file://{address}", rank=rank, world_size=2)
    plain, cost = lossc.Metric("auroc"), lossc.Metric(COST)
    ranked = lossc.Metric(MEAN_RECALL, local="group")
    table = torch.arange(9.0).reshape(3, 3)
    for score, relevant in list(batches(sizes=(5, 8, 3)))[rank::2]:  # two here, and one there
        plain.update(score, relevant)
        ranked.update(score, relevant, torch.zeros(len(score), dtype=torch.long))
        scores = torch.stack([score, 1 - score, score / 2], 1)
        cost.update(scores, relevant.long(), table)
    values[rank] = [metric.compute().item() for metric in (plain, ranked, cost)]
    torch.distributed.destroy_process_group()


def test_processes_see_the_whole(tmp_path):
    with multiprocessing.Manager() as manager:
        values = manager.dict()
        arguments = (str(tmp_path / "meet"), values)
        multiprocessing.spawn(work, args=arguments, nprocs=2)
        found = dict(values)
    assert found[0] == found[1]
    seen = list(batches(sizes=(5, 8, 3)))
    score, relevant = (torch.cat(parts) for parts in zip(*seen, strict=True))
    table = torch.arange(9.0).reshape(3, 3)
    predicted = torch.stack([score, 1 - score, score / 2], 1).argmax(1)
    hits = [((s > 0.5) & r).sum() / r.sum() if r.any() else torch.tensor(0.0) for s, r in seen]
    want = [
        roc_auc_score(relevant, score),
        torch.stack(hits).mean().item(),
        table[relevant.long(), predicted].mean().item(),
    ]
    assert found[0] == pytest.approx(want, abs=1e-6)


def test_lightning_logs_it(tmp_path):
    from lightning import LightningModule, Trainer

    data = list(batches(sizes=(6, 9, 4)))

    class Module(LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(1, 1)
            self.average_precision = lossc.Metric("average_precision")

        def validation_step(self, batch, batch_idx):
            score, relevant = batch
            self.average_precision(score, relevant)
            self.log("ap", self.average_precision, on_step=False, on_epoch=True)

    trainer = Trainer(
        default_root_dir=tmp_path,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )
    loader = torch.utils.data.DataLoader(data, batch_size=None)
    (figures,) = trainer.validate(Module(), loader, verbose=False)
    score, relevant = (torch.cat(parts) for parts in zip(*data, strict=True))
    want = average_precision_score(relevant, score)
    assert figures["ap"] == pytest.approx(want, abs=1e-6)


# ------------------------------------------------------------------ without torchmetrics


def test_without_torchmetrics_it_says_what_to_install():
    code = (
        "import sys; sys.modules['torchmetrics'] = None\n"
        "import lossc\n"
        "assert 'Metric' in dir(lossc)\n"
        "from lossc import *\n"
        "try:\n    lossc.Metric\n"
        "except ModuleNotFoundError as error:\n    print(error, error.name)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    # torch speaks of a CUDA compiler without a GPU, where there is one
    said = [line for line in done.stderr.splitlines() if "torch/utils/cpp_extension.py" not in line]
    assert said == []
    assert (
        done.stdout
        == "lossc.Metric needs torchmetrics: pip install 'lossc[metrics]' torchmetrics\n"
    )
