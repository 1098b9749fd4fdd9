"""The ladder of depths of the memo on adaptive Euclidean losses, and its files' own figures."""

from __future__ import annotations

from lossc.models.networks.two_stage import INIT_STD, INIT_STD_H1, INIT_STD_SUGGESTED
from lossc.models.reproduce.experiment import Case, Claim, Comparison
from lossc.models.reproduce.report import Column

PAPER = "Memo on adaptive Euclidean losses, and its public files"
MPJPE = Column("MPJPE, mm", "mpjpe", scale=1.0, digits=1, smaller=True)
ARGMAX = Column("by argmax, mm", "mpjpe_argmax", scale=1.0, digits=1, smaller=True)

SETUP = (
    "Human3.6M, 1,559,571 training pictures of 256 x 256, two stages of hourglasses, RMSprop "
    "0.000025, the first depth from the weights of a 2D network"
)
NOTES = (
    "a network in small, and motion capture or a figure of its own in place of Human3.6M: depths "
    "and losses can be compared with one another, and not with the published figures",
    "published: to a tenth of a millimetre, of all 548,999 test pictures; else the rounded figures "
    "of the repositories' pages",
)

#: Weights of the 3D map's Euclidean loss where that of the 2D map is 1, by depth: H1's files, but
#: for depth 2, where they have 0.3, and its page and the memo's figure 3 have 0.1.
WEIGHT_3D = {2: 0.1, 4: 0.3, 8: 0.1, 16: 0.03, 32: 0.03, 64: 0.03}
PUBLISHED_H1 = {4: "150", 8: "86", 16: "73.6", 32: "68.6", 64: "67.1"}

#: The ladder of I1: after an adaptive step hand-made weights at a fifth of the rate.
FIRST, ADAPTIVE, MANUAL = "adaptive_h1", "adaptive_i1", "manual_i1(weight_3d={}, lr=0.0006)"
STEPS_I1 = (
    ("depth 4, adaptive H1", 4, FIRST, ""),
    ("depth 8, adaptive I1", 8, ADAPTIVE, ""),
    ("depth 8, then manual", 8, MANUAL.format(0.1), "83"),
    ("depth 16, adaptive I1", 16, ADAPTIVE, "73"),
    ("depth 16, then manual", 16, MANUAL.format(0.3), "71.0"),
    ("depth 32, adaptive I1", 32, ADAPTIVE, "55.9"),
    ("depth 64, adaptive I1", 64, ADAPTIVE, "68"),
    ("depth 64, then manual", 64, MANUAL.format(0.08), "65.9"),
)


def _figure(text: str) -> dict[str, str]:
    return {MPJPE.title: text} if text else {}


def _h1() -> tuple[Case, ...]:
    cases: list[Case] = []
    for depth, weight in WEIGHT_3D.items():
        cases.append(
            Case(
                f"depth {depth}",
                "pose3d",
                f"manual(weight_3d={weight:g})",
                _figure(PUBLISHED_H1.get(depth, "")),
                {"network.depth": depth, "network.init_std": INIT_STD_H1[depth]},
                start=cases[-1].label if cases else None,
            )
        )
    cold = cases[-1].settings
    cases.append(Case("depth 64 at once", "pose3d", "manual(weight_3d=0.03)", settings=cold))
    return tuple(cases)


def _i1() -> tuple[Case, ...]:
    cases: list[Case] = []
    for label, depth, loss, figure in STEPS_I1:
        settings = {"network.depth": depth, "network.init_std": INIT_STD[depth]}
        before = cases[-1].label if cases else None
        cases.append(Case(label, "pose3d", loss, _figure(figure), settings, start=before))
    suggested = {"network.depth": 64, "network.init_std": INIT_STD_SUGGESTED[64]}
    before = "depth 32, adaptive I1"
    label = "depth 64, adaptive I1, the suggested deviation"
    cases.append(Case(label, "pose3d", ADAPTIVE, settings=suggested, start=before))
    return tuple(cases)


H1 = Comparison(
    name="memo-ladder-h1",
    title="depths one after the other, each from the weights of the last, hand-made weights",
    source=PAPER,
    setup=SETUP,
    columns=(MPJPE, ARGMAX),
    cases=_h1(),
    claims=(
        Claim("more depth is better", "depth 16", "depth 4", MPJPE.title),
        Claim("the deepest is the best", "depth 64", "depth 32", MPJPE.title),
        Claim("from one depth to the next is better", "depth 64", "depth 64 at once", MPJPE.title),
    ),
    notes=NOTES,
)

I1 = Comparison(
    name="memo-ladder-i1",
    title="depths one after the other, adaptive weights with integrals, then hand-made ones",
    source=PAPER,
    setup=SETUP,
    columns=(MPJPE, ARGMAX),
    cases=_i1(),
    claims=(
        Claim(
            "hand-made weights help after adaptive ones, depth 16",
            "depth 16, then manual",
            "depth 16, adaptive I1",
            MPJPE.title,
        ),
        Claim("the same, depth 64", "depth 64, then manual", "depth 64, adaptive I1", MPJPE.title),
        Claim(
            "depth 32 is the best", "depth 32, adaptive I1", "depth 64, then manual", MPJPE.title
        ),
        Claim(
            "a smaller deviation of the last layer's weights helps at depth 64",
            "depth 64, adaptive I1, the suggested deviation",
            "depth 64, adaptive I1",
            MPJPE.title,
        ),
    ),
    notes=NOTES,
)

EXPERIMENTS = (H1, I1)
