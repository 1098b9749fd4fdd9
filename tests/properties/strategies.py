"""Generated specs for hypothesis: one seed makes one spec, the same one in every run."""

from __future__ import annotations

from functools import lru_cache
from random import Random

from hypothesis import strategies as st

from lossc.grammar.load import load
from lossc.grammar.syntax import Spec
from tests.properties.losses import loss
from tests.properties.metrics import metric
from tests.properties.themes import THEMES

KINDS = (*THEMES, "loss")
SEEDS = st.integers(0, 2**32)
_FEW = 8  # of each kind: mistakes are made in them


def well_typed(kind: str, seed: int) -> str:
    """The text of a spec of a kind."""
    return loss(Random(seed)) if kind == "loss" else metric(Random(seed), kind)


@lru_cache(maxsize=len(KINDS) * _FEW)
def _read(kind: str, seed: int) -> Spec:
    return load(well_typed(kind, seed))


def sound(seed: int) -> Spec:
    """A spec to make a mistake in."""
    random = Random(seed)
    return _read(KINDS[random.randrange(len(KINDS))], random.randrange(_FEW))
