from __future__ import annotations

import warnings

from lossc.models.noise import quiet
from lossc.models.terms_watch import TermWarning


def test_a_warning_of_ours_is_its_text_alone():
    usual = warnings.formatwarning
    with quiet():
        ours = warnings.formatwarning("a term is hardly trained", TermWarning, "here.py", 3)
        others = warnings.formatwarning("anything", UserWarning, "here.py", 3)
    assert ours == "warning: a term is hardly trained\n"
    assert others.startswith("here.py:3: UserWarning: anything")
    assert warnings.formatwarning is usual
