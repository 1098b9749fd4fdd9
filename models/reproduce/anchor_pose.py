"""Anchor Loss on poses (Ryou, Jeong and Perona, ICCV 2019): tables 4 to 7, figure 6, section 5."""

from __future__ import annotations

from lossc.models.data.joints import GROUPS
from lossc.models.pose_metrics import GroupShare
from lossc.models.reproduce.experiment import Case, Claim, Comparison, Curves
from lossc.models.reproduce.pose_tests import SixScales, double_counting
from lossc.models.reproduce.report import Column

PAPER = "Anchor Loss"
BODY = (*(Column(group.capitalize(), f"pckh_{group}") for group in GROUPS), Column("Mean", "pckh"))

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

EXPERIMENTS = (TABLE_4, TABLE_5, TABLE_6, TABLE_7, FIGURE_6, DOUBLE_COUNTING)
