from __future__ import annotations

import warnings

from lossc.models.noise import quiet
from lossc.models.terms_watch import TermWarning


def test_a_warning_of_ours_is_its_text_alone(capsys):
    usual = warnings.formatwarning
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = warnings._showwarning_orig  # pytest records them otherwise
        with quiet():
            warnings.warn("a term is hardly trained", TermWarning, stacklevel=1)
            warnings.warn("somebody else's", UserWarning, stacklevel=1)
    said = capsys.readouterr().err
    assert said.startswith("warning: a term is hardly trained\n")
    assert "test_noise.py" in said.partition("\n")[2]
    assert warnings.formatwarning is usual
