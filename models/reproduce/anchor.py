"""The tables and figures of Anchor Loss (Ryou, Jeong and Perona, ICCV 2019)."""

from __future__ import annotations

from collections.abc import Mapping

from lossc.models.data.joints import GROUPS
from lossc.models.pose_metrics import GroupShare
from lossc.models.reproduce.experiment import Case, Claim, Comparison, Curves
from lossc.models.reproduce.pose_tests import SixScales, double_counting
from lossc.models.reproduce.report import Column

PAPER = "Anchor Loss"
TOP_1 = Column("top-1, %", "accuracy")
TOP_5 = Column("top-5, %", "top_5")
BODY = (*(Column(group.capitalize(), f"pckh_{group}") for group in GROUPS), Column("Mean", "pckh"))

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
            Claim(f"AL is better than {other}", f"{data}, AL 0.5", f"{data}, {other}", "top-1, %")
            for data, focal in (("CIFAR-10", "FL 2"), ("CIFAR-100", "FL 0.5"))
            for other in ("CE", "BCE", "OHEM 0.9", focal)
        ),
        Claim("BCE helps, 100 classes", "CIFAR-100, BCE", "CIFAR-100, CE", "top-1, %"),
        *(
            Claim("OHEM does not help", f"{data}, CE", f"{data}, OHEM 0.9", "top-1, %", margin=0.3)
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

MSE, EIGHT = "heatmap_mse", "pose-anchor-8"
EPOCHS = "the number of epochs, 160, is ours"
STACKS = "eight hourglasses are the usual number: the paper does not state it"
SCALES = "the six scales, 0.7 to 1.2, are ours"
VALIDATION = "MPII, 20,000 training images of which 3,000 are for validation"
BODY_MEASURES = {f"pckh_{group}": GroupShare(group, "head", 0.5) for group in GROUPS}


def _body(label: str, loss: str, figures: str, task: str = "pose-anchor") -> Case:
    titles = (column.title for column in BODY)
    return Case(label, task, loss, dict(zip(titles, figures.split(), strict=True)))


TABLE_6 = Comparison(
    name="anchor-table-6",
    title="PCKh@0.5 of eight hourglasses, single images, %",
    source=f"{PAPER}, table 6",
    setup=f"{VALIDATION}, hourglasses, one scale",
    columns=BODY,
    measures=BODY_MEASURES,
    cases=(
        _body(
            "MSE",
            MSE,
            "96.73 95.94 90.39 85.40 89.04 85.17 81.86 89.32",
            EIGHT,
        ),
        _body(
            "AL",
            "anchor_pose(gamma=2)",
            "96.45 96.04 90.46 86.00 89.20 86.84 83.68 89.93",
            EIGHT,
        ),
    ),
    claims=(Claim("better than MSE", "AL", "MSE", "Mean"),),
    notes=(STACKS, EPOCHS),
)

TABLE_7 = Comparison(
    name="anchor-table-7",
    title="PCKh@0.5 of two hourglasses, %",
    source=f"{PAPER}, table 7",
    setup=f"{VALIDATION}, two hourglasses",
    columns=BODY,
    measures=BODY_MEASURES,
    cases=(
        _body("BCE", "anchor_pose(gamma=0)", "96.42 95.35 89.82 84.72 88.47 85.17 81.13 88.84"),
        _body("MSE", MSE, "96.42 95.30 89.57 84.63 88.78 85.07 81.77 88.89"),
        _body("FL", "focal_pose(gamma=2)", "96.52 95.47 89.71 84.87 88.38 84.75 81.25 88.81"),
        _body(
            "AL, gamma 5", "anchor_pose(gamma=5)", "96.35 95.04 89.26 84.56 88.99 85.51 81.37 88.84"
        ),
        _body(
            "AL, gamma 1", "anchor_pose(gamma=1)", "96.35 95.40 89.60 85.11 88.59 84.85 81.77 88.94"
        ),
        _body(
            "AL, gamma 2", "anchor_pose(gamma=2)", "96.49 95.45 90.08 85.42 88.64 85.31 81.60 89.11"
        ),
    ),
    claims=tuple(
        Claim(f"better than {label}", "AL, gamma 2", label, "Mean")
        for label in ("BCE", "MSE", "FL", "AL, gamma 5", "AL, gamma 1")
    ),
    notes=(
        "BCE is Anchor Loss at gamma 0, which is the same function",
        "the focal loss of a soft target and its gamma of 2 are ours: the paper states neither",
        "single images, as in table 6: the paper does not say how these were tested",
        EPOCHS,
    ),
)

SIX = (
    *(Column(group.capitalize(), f"six_{group}") for group in GROUPS),
    Column("Mean", "six_mean"),
)

TABLE_4 = Comparison(
    name="anchor-table-4",
    title="PCKh@0.5 of eight hourglasses, six scales and mirrored, %",
    source=f"{PAPER}, table 4, its last two rows",
    setup="MPII, hourglasses, six scales and mirrored images; the figures of MSE are those of its "
    "authors (Newell, Yang and Deng 2016)",
    columns=SIX,
    after=SixScales("head", 0.5),
    measures=BODY_MEASURES,
    cases=(
        _body("MSE", MSE, "98.2 96.3 91.2 87.1 90.1 87.4 83.6 90.9", EIGHT),
        _body("AL", "anchor_pose(gamma=2)", "98.6 96.6 92.3 87.8 90.8 88.8 86.0 91.9", EIGHT),
    ),
    claims=(Claim("better than MSE", "AL", "MSE", "Mean"),),
    notes=(
        "tested on the validation set: MPII's test set has no public joints",
        "Mean is what the paper calls Total",
        STACKS,
        EPOCHS,
        SCALES,
    ),
)

TABLE_5 = Comparison(
    name="anchor-table-5",
    title="PCK@0.2 of eight hourglasses, six scales and mirrored, %",
    source=f"{PAPER}, table 5, its last row",
    setup="LSP and LSPET, 11,000 training images, hourglasses, six scales and mirrored images",
    columns=SIX,
    after=SixScales("torso", 0.2),
    measures=BODY_MEASURES,
    cases=(_body("AL", "anchor_pose(gamma=2)", "98.6 94.8 92.5 89.3 93.9 94.8 94.0 94.0", EIGHT),),
    notes=(
        "the folder of --data has LSP and LSPET in place of MPII",
        "Mean is what the paper calls Total",
        STACKS,
        EPOCHS,
        SCALES,
    ),
)

DOUBLE_COUNTING = Comparison(
    name="anchor-double-counting",
    title="maps with several peaks, and how often the highest is right",
    source=f"{PAPER}, section 5",
    setup="MPII; which network is not stated, and the figures are in a plot without numbers",
    columns=(Column("with several peaks, %", "several"), Column("right, %", "several_right")),
    after=double_counting,
    measures=BODY_MEASURES,
    cases=tuple(
        Case(case.label, case.task, case.loss)
        for case in TABLE_7.cases
        if case.label in ("BCE", "MSE", "AL, gamma 2")
    ),
    claims=(
        Claim("AL's highest peak is right more often than BCE's", "AL, gamma 2", "BCE", "right, %"),
    ),
    notes=("two hourglasses, those of table 7", EPOCHS),
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

FIGURE_6 = Comparison(
    name="anchor-figure-6",
    title="validation PCKh of two hourglasses over the epochs",
    source=f"{PAPER}, figure 6",
    setup="MPII, two hourglasses; the figures are those of table 7",
    columns=(Column("PCKh, %", "pckh"),),
    measures=BODY_MEASURES,
    cases=tuple(
        Case(case.label, case.task, case.loss, {"PCKh, %": case.published["Mean"]})
        for case in TABLE_7.cases
        if case.label in ("BCE", "AL, gamma 2")
    ),
    curves=Curves(("val_pckh", "loss"), {"val_pckh": "validation PCKh", "loss": "training loss"}),
    notes=("gamma 2: the figure does not say which", EPOCHS),
)

EXPERIMENTS = (
    TABLE_1,
    TABLE_2,
    TABLE_3,
    TABLE_A_1,
    TABLE_4,
    TABLE_5,
    TABLE_6,
    TABLE_7,
    FIGURE_5,
    FIGURE_6,
    DOUBLE_COUNTING,
)
