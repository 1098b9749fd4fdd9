"""Anchor Loss on images (Ryou, Jeong and Perona, ICCV 2019): tables 1 to 3 and A-1, figure 5."""

from __future__ import annotations

from collections.abc import Mapping

from lossc.models.reproduce.experiment import Case, Claim, Comparison, Curves
from lossc.models.reproduce.report import Column

PAPER = "Anchor Loss"
TOP_1 = Column("top-1, %", "accuracy")
TOP_5 = Column("top-5, %", "top_5")

WARM = "schedule=warmup(first=cross_entropy, epochs=5)"
QUICK_WARM = "schedule=warmup(first=cross_entropy, epochs=1)"

SMALL_SETUP = "45,000 training images, ResNet-110"
THREE_RUNS = f"{SMALL_SETUP}, mean and deviation of three runs"
OURS = "batch size, weight decay and number of epochs are ours: the paper has none of them"


def _top(one: str, five: str = "") -> dict[str, str]:
    return {"top-1, %": one} | ({"top-5, %": five} if five else {})


def _warm(label: str, task: str, gamma: float, *figures: str) -> Case:
    loss, quick = (f"anchor_bce(gamma={gamma:g}, {warm})" for warm in (WARM, QUICK_WARM))
    return Case(label, task, loss, _top(*figures), quick_loss=quick)


def _ten(label: str, loss: str, figures: Mapping[str, str]) -> Case:
    return Case(f"CIFAR-10, {label}", "cifar10-anchor", loss, figures)


def _hundred(label: str, loss: str, *figures: str) -> Case:
    return Case(label, "cifar100-anchor", loss, _top(*figures))


TABLE_1 = Comparison(
    name="anchor-table-1",
    title="accuracy of ResNet-110",
    source=f"{PAPER}, table 1",
    setup=f"CIFAR-10 and CIFAR-100, {THREE_RUNS}",
    columns=(TOP_1, TOP_5),
    seeds=3,
    cases=(
        _ten("CE", "cross_entropy", _top("93.91 ± 0.12")),
        _ten("BCE", "class_bce", _top("93.69 ± 0.08")),
        _ten("OHEM 0.9", "ohem(rho=0.9)", _top("93.90 ± 0.10")),
        _ten("FL 2", "focal(gamma=2)", _top("94.05 ± 0.23")),
        _ten("AL 0.5", "anchor_bce(gamma=0.5)", _top("94.10 ± 0.15")),
        _warm("CIFAR-10, AL 0.5, warm-up", "cifar10-anchor", 0.5, "94.17 ± 0.13"),
        _hundred("CIFAR-100, CE", "cross_entropy", "72.98 ± 0.35", "92.55 ± 0.30"),
        _hundred("CIFAR-100, BCE", "class_bce", "73.88 ± 0.22", "92.03 ± 0.42"),
        _hundred("CIFAR-100, OHEM 0.9", "ohem(rho=0.9)", "73.03 ± 0.29", "92.61 ± 0.21"),
        _hundred("CIFAR-100, FL 0.5", "focal(gamma=0.5)", "74.01 ± 0.04", "92.47 ± 0.40"),
        _hundred("CIFAR-100, AL 0.5", "anchor_bce(gamma=0.5)", "74.25 ± 0.34", "92.62 ± 0.50"),
        _warm("CIFAR-100, AL 2, warm-up", "cifar100-anchor", 2, "74.38 ± 0.45", "92.45 ± 0.05"),
    ),
    claims=(
        *(
            Claim(
                f"{data}: AL is better than {other}",
                f"{data}, AL 0.5",
                f"{data}, {other}",
                "top-1, %",
            )
            for data, focal in (("CIFAR-10", "FL 2"), ("CIFAR-100", "FL 0.5"))
            for other in ("CE", "BCE", "OHEM 0.9", focal)
        ),
        Claim("CIFAR-100: BCE is better than CE", "CIFAR-100, BCE", "CIFAR-100, CE", "top-1, %"),
        *(
            Claim(
                f"{data}: OHEM does not help",
                f"{data}, CE",
                f"{data}, OHEM 0.9",
                "top-1, %",
                margin=0.3,
            )
            for data in ("CIFAR-10", "CIFAR-100")
        ),
        Claim("better with warm-up", "CIFAR-100, AL 2, warm-up", "CIFAR-100, AL 0.5", "top-1, %"),
    ),
    notes=(OURS, "OHEM ranks by CE; the paper does not say by which loss"),
    quick_notes=("one epoch of warm-up, not five",),
)

TABLE_2 = Comparison(
    name="anchor-table-2",
    title="accuracy of ResNet-50",
    source=f"{PAPER}, table 2",
    setup="ImageNet (ILSVRC 2012), ResNet-50, batches of 224 on eight GPUs, mixed precision",
    columns=(TOP_1, TOP_5),
    cases=(
        Case("CE", "imagenet", "cross_entropy", _top("76.39", "93.20")),
        Case("OHEM 0.8", "imagenet", "ohem(rho=0.8)", _top("76.27", "93.21")),
        Case("FL 0.5", "imagenet", "focal(gamma=0.5)", _top("76.72", "93.06")),
        Case("AL 0.5", "imagenet", "anchor_bce(gamma=0.5)", _top("76.82", "93.03")),
    ),
    claims=tuple(
        Claim(f"AL is better than {other}", "AL 0.5", other, "top-1, %")
        for other in ("CE", "OHEM 0.8", "FL 0.5")
    ),
    notes=("the number of epochs is ours", "float32; the paper trains in mixed precision"),
)

STATIC = ((0.8, ("73.74", "92.45")), (0.5, ("73.77", "92.30")), (0.1, ("73.11", "92.08")))
GAMMAS = (
    (0.5, ("74.25", "92.62")),
    (1, ("73.59", "92.04")),
    (2, ("71.86", "91.46")),
)

TABLE_3 = Comparison(
    name="anchor-table-3",
    title="static anchor probabilities, and gamma",
    source=f"{PAPER}, table 3",
    setup=f"CIFAR-100, {SMALL_SETUP}; how many runs is not stated",
    columns=(TOP_1, TOP_5),
    seeds=3,
    cases=(
        *(
            _hundred(f"static {q:g}", f"anchor_bce_static(anchor={q:g}, gamma=0.5)", *figures)
            for q, figures in STATIC
        ),
        *(
            _hundred(f"gamma {gamma:g}", f"anchor_bce(gamma={gamma:g})", *figures)
            for gamma, figures in GAMMAS
        ),
    ),
    claims=(
        *(
            Claim(f"dynamic is better than {q:g}", "gamma 0.5", f"static {q:g}", "top-1, %")
            for q, _ in STATIC
        ),
        *(
            Claim(
                f"a small gamma is better than {gamma:g}",
                "gamma 0.5",
                f"gamma {gamma:g}",
                "top-1, %",
            )
            for gamma, _ in GAMMAS[1:]
        ),
    ),
    notes=(OURS,),
)

TABLE_A_1 = Comparison(
    name="anchor-table-a1",
    title="which classes the modulator is for",
    source=f"{PAPER}, table A-1",
    setup=f"CIFAR-100, {THREE_RUNS}",
    columns=(TOP_1, TOP_5),
    seeds=3,
    cases=(
        _hundred("BCE", "class_bce", "73.88 ± 0.22", "92.03 ± 0.42"),
        _hundred(
            "(i) target", "anchor_bce(gamma=0.5, modulate=target)", "74.06 ± 0.53", "92.32 ± 0.24"
        ),
        _hundred("(ii) background", "anchor_bce(gamma=0.5)", "74.25 ± 0.34", "92.62 ± 0.50"),
        _hundred(
            "(iii) both", "anchor_bce(gamma=0.5, modulate=both)", "73.90 ± 0.40", "92.24 ± 0.06"
        ),
    ),
    claims=tuple(
        Claim(f"background is better than {label}", "(ii) background", label, "top-1, %")
        for label in ("BCE", "(i) target", "(iii) both")
    ),
    notes=(
        OURS,
        "gamma 0.5 and a slack of 0.05 throughout; the paper states them for (ii) only",
    ),
)

FIGURE_5 = Comparison(
    name="anchor-figure-5",
    title="validation accuracy and the share of hard samples over the epochs",
    source=f"{PAPER}, figure 5",
    setup=f"CIFAR-100, {SMALL_SETUP}; the figures are those of tables 1 and 3",
    columns=(TOP_1,),
    cases=(
        _hundred("CE", "cross_entropy", "72.98 ± 0.35"),
        _hundred("AL 2", "anchor_bce(gamma=2)", "71.86"),
        _warm("AL 2, warm-up", "cifar100-anchor", 2, "74.38 ± 0.45"),
    ),
    claims=(Claim("warm-up helps a large gamma", "AL 2, warm-up", "AL 2", "top-1, %"),),
    notes=(OURS,),
    quick_notes=("one epoch of warm-up, not five",),
    curves=Curves(
        ("val_accuracy", "val_hard_share", "train_hard_share"),
        {
            "val_accuracy": "validation accuracy",
            "val_hard_share": "share of hard samples, validation",
            "train_hard_share": "share of hard samples, training",
        },
    ),
)

EXPERIMENTS = (TABLE_1, TABLE_2, TABLE_3, TABLE_A_1, FIGURE_5)
