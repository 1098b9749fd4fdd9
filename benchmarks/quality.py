"""Which surrogate trains best: test metrics of small networks, rates tuned alike for every loss.

For every task and metric, each variant is trained at four learning rates with one seed; the rate of
the best validation metric is then trained with five other seeds. One line a run is appended to a
file, so the command may be stopped at any time, and goes on where it was; ``--table`` shows what is
there. MNIST is read from ``--data``, its four original files; without it only the tasks of
scikit-learn are run.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
from quality_tables import SCORED, rows_of, tables
from torch import Tensor, nn
from torch.nn import functional

import lossc

SEEDS = (1, 2, 3, 4, 5)
EPOCHS, BATCH = 5, 128
# of Adam, the same for all losses: its steps do not depend on a loss's scale, which differs a
# hundredfold between rules, so that no loss is tuned better by the choice of the rates
RATES = (0.0003, 0.001, 0.003, 0.01)


@dataclass(frozen=True)
class Data:
    """Features and targets of three splits, each ``(x, y)``; y is a class or a bool."""

    train: tuple[Tensor, Tensor]
    val: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]
    outputs: int


@dataclass(frozen=True)
class Variant:
    """One loss of a table.

    Args:
        name: As the table shows it.
        options: Of ``lossc.loss``; ``None``: a hand-made loss.
    """

    name: str
    options: dict[str, str] | None


def variants(metric: str) -> list[Variant]:
    """Every loss that is compared for a metric, baselines first."""
    hand_made = ["bce", "focal"] if metric in SCORED else ["cross_entropy"]
    found = [Variant(name, None) for name in hand_made]

    def add(interpolation: str, temperature: str, squash: str = "none", **more: str) -> None:
        words = {"transform": "log", "memory": "queue"}
        shown = [interpolation, temperature, *(["squash"] if squash != "none" else [])]
        shown += [words[option] for option in more]
        step = f"sigmoid(temperature={temperature}, max_spread=none)"
        options = {"interpolation": interpolation, "step": step, "squash": squash, **more}
        found.append(Variant(", ".join(shown), options))

    for rule in ("exact", "improving", "published", "attract"):
        for squash in ("none", "sigmoid"):
            add(f"idw(gradient={rule})", "1", squash)
    add("idw(gradient=exact)", "auto")
    add("idw(gradient=improving)", "auto")
    add("idw(gradient=improving)", "0.1", "sigmoid", transform="log")
    substitute = "substitute" if metric in SCORED else "substitute(tnorm=godel)"
    for squash in ("none", "sigmoid"):
        for temperature in ("1", "0.1", "auto"):
            add(substitute, temperature, squash)
    for temperature, squash in (("1", "none"), ("auto", "none"), ("0.1", "sigmoid")):
        add(substitute, temperature, squash, transform="log")
    if metric in SCORED:
        add(substitute, "auto", transform="log", memory="queue(size=1024)")
    else:
        add("substitute(tnorm=product)", "1")
        add("substitute(tnorm=product)", "1", transform="log")
    add("multilinear", "1")
    if metric != "macro_f1":
        add("bound", "1")
    return found


# ------------------------------------------------------------------ data


def standardised(x: Tensor, parts: list[Tensor]) -> list[Tensor]:
    """``parts`` with the columns of ``x`` at mean 0 and deviation 1."""
    mean, deviation = x.mean(0), x.std(0).clamp_min(1e-3)
    return [(part - mean) / deviation for part in parts]


@functools.cache
def digits(data: Path | None) -> Data:
    """1,797 digits of 8 x 8 pixels, ten classes."""
    from lossc.models.data.digits import digits as load

    splits = load()
    parts = [(s.features, s.targets["label"]) for s in (splits.train, splits.val, splits.test)]
    return Data(*parts, outputs=10)


@functools.cache
def cancer(data: Path | None) -> Data:
    """The Wisconsin breast cancer data of scikit-learn: 569 rows, 30 columns, 63% benign."""
    from sklearn.datasets import load_breast_cancer

    x, y = (torch.from_numpy(part) for part in load_breast_cancer(return_X_y=True))
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    x, y = x[order].float(), y[order] == 0  # malignant is the rare class
    train, val, test = standardised(x[:300], [x[:300], x[300:430], x[430:]])
    return Data((train, y[:300]), (val, y[300:430]), (test, y[430:]), outputs=1)


@functools.cache
def mnist(data: Path | None, digit: int, positives: int | None, examples: int) -> Data:
    """MNIST, one digit against the rest; ``positives`` of the training images at the most."""
    from lossc.models.data.mnist import read_pair
    from lossc.models.data.mnist_files import TEST, TRAIN, find_mnist

    files = find_mnist(data)
    images, labels = read_pair(files[TRAIN[0]], files[TRAIN[1]])
    tests, truth = read_pair(files[TEST[0]], files[TEST[1]])

    def ready(pixels: object, classes: object) -> tuple[Tensor, Tensor]:
        x = torch.as_tensor(pixels).flatten(1).float() / 255
        return (x - 0.1307) / 0.3081, torch.as_tensor(classes) == digit

    x, y = ready(images, labels)
    val, x, y = (x[:6000], y[:6000]), x[6000:], y[6000:]
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    if positives is not None:
        rank = y[order].long().cumsum(0)
        order = order[~y[order] | (rank <= positives)]
    x, y = x[order[:examples]], y[order[:examples]]
    return Data((x, y), val, ready(tests, truth), outputs=1)


TASKS: dict[str, tuple[Callable[[Path | None], Data], tuple[str, ...]]] = {
    "digits": (digits, ("accuracy", "macro_f1")),
    "cancer": (cancer, ("auroc", "average_precision")),
    "zero, 1:9": (lambda d: mnist(d, 0, None, 12_000), ("average_precision", "auroc", "f_beta")),
    "eight, 1:100": (lambda d: mnist(d, 8, 250, 27_000), ("average_precision", "auroc", "f_beta")),
}


# ------------------------------------------------------------------ training


def loss_of(variant: Variant, metric: str, seed: int) -> Callable[[Tensor, Tensor], Tensor]:
    """Takes outputs ``[n, outputs]`` and targets."""
    if variant.options is not None:
        params = {"activation": "sigmoid"} if metric == "f_beta" else {}
        made = lossc.loss(metric, params=params, seed=seed, validate=False, **variant.options)
        if metric in SCORED:
            return lambda out, y: made(out.squeeze(-1), y)
        return made
    if variant.name == "cross_entropy":
        return functional.cross_entropy
    if variant.name == "bce":
        return lambda out, y: functional.binary_cross_entropy_with_logits(out[:, 0], y.float())
    return focal


def focal(out: Tensor, y: Tensor) -> Tensor:
    """Lin et al. 2017, eq. 4 with gamma = 2, from logits ``[n, 1]``."""
    signed = torch.where(y, out[:, 0], -out[:, 0])
    return -((-signed).sigmoid() ** 2 * functional.logsigmoid(signed)).mean()


def measured(metric: str, out: Tensor, y: Tensor) -> float:
    """By code that is not ours where there is some."""
    from sklearn import metrics

    if metric == "accuracy":
        return metrics.accuracy_score(y, out.argmax(1))
    if metric == "macro_f1":
        return metrics.f1_score(y, out.argmax(1), average="macro")
    if metric == "f_beta":
        return metrics.f1_score(y, out[:, 0] > 0)
    score = {"auroc": metrics.roc_auc_score, "average_precision": metrics.average_precision_score}
    return score[metric](y, out[:, 0])


def train(data: Data, metric: str, variant: Variant, rate: float, seed: int) -> dict[str, float]:
    """One run; the validation and test metric after the last epoch."""
    torch.manual_seed(seed)
    x, y = data.train
    network = nn.Sequential(nn.Linear(x.shape[1], 128), nn.ReLU(), nn.Linear(128, data.outputs))
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    loss = loss_of(variant, metric, seed)
    epochs = EPOCHS * max(1, round(4000 / len(y)))  # small sets are seen more often
    started = time.perf_counter()
    for _ in range(epochs):
        order = torch.randperm(len(y))
        for start in range(0, len(y) - BATCH // 2, BATCH):
            batch = order[start : start + BATCH]
            value = loss(network(x[batch]), y[batch])
            if not value.requires_grad:
                continue  # a batch in which nothing can be won
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
    with torch.no_grad():
        outs = {name: network(getattr(data, name)[0]) for name in ("val", "test")}
    found = {"seconds": round(time.perf_counter() - started, 2)}
    for name, out in outs.items():
        finite = bool(out.isfinite().all())
        found[name] = measured(metric, out, getattr(data, name)[1]) if finite else 0.0
    return found


# ------------------------------------------------------------------ the command


def planned(chosen: list[str]) -> Iterator[tuple[str, str, Variant]]:
    """Everything that is compared, in the order in which it is trained."""
    for task in chosen:
        for metric in TASKS[task][1]:
            for variant in variants(metric):
                yield task, metric, variant


def run_all(file: Path, chosen: list[str], data: Path | None, minutes: float) -> None:
    """Trains what the file does not have yet, until the time is over."""
    done = {tuple(row["key"]): row for row in rows_of(file)}
    until = time.monotonic() + 60 * minutes
    for task, metric, variant in planned(chosen):
        best = (float("-inf"), 0.0)
        for rate, seed in [*((rate, 0) for rate in RATES), *((None, seed) for seed in SEEDS)]:
            rate = best[1] if rate is None else rate
            key = (task, metric, variant.name, rate, seed)
            if key not in done:
                if time.monotonic() > until:
                    return
                found = train(TASKS[task][0](data), metric, variant, rate, seed)
                done[key] = {"key": key, **found}
                with file.open("a", encoding="utf-8") as out:
                    out.write(json.dumps(done[key]) + "\n")
                print(*key, found, flush=True)
            if seed == 0:
                best = max(best, (done[key]["val"], rate), key=lambda pair: pair[0])


def main() -> None:
    """Runs, or shows the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="the folder of MNIST's four files")
    parser.add_argument("--file", type=Path, default=Path("runs/quality.jsonl"))
    parser.add_argument("--tasks", nargs="*", choices=[*TASKS], help="some of the tasks only")
    parser.add_argument("--minutes", type=float, default=180, help="stop after so many")
    parser.add_argument("--table", action="store_true", help="show the tables of what is there")
    options = parser.parse_args()
    if options.table:
        print(tables(options.file, len(SEEDS)), end="")
        return
    torch.set_num_threads(1)
    chosen = options.tasks or [t for t in TASKS if options.data or t in ("digits", "cancer")]
    options.file.parent.mkdir(parents=True, exist_ok=True)
    run_all(options.file, chosen, options.data, options.minutes)


if __name__ == "__main__":
    main()
