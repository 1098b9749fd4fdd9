"""The picture of a loss's terms."""

from __future__ import annotations

from lossc.models.command import train_command
from lossc.models.run import Run
from lossc.models.table import Row
from lossc.models.terms_figure import save_terms, terms_of

TEXT = """spec balance
input scores: real[n, p]
input label: int[n] in p
term entropy = cross_entropy(scores, label)
term size = mean[i, j] scores[i, j]^2
combine uncertainty(entropy, size)
"""


def test_the_command_draws_the_terms(tmp_path, capsys):
    spec = tmp_path / "balance.lossc"
    spec.write_text(TEXT)
    losses = [str(spec), "cross_entropy"]
    assert train_command(task="digits", losses=losses, epochs=2, out=tmp_path / "out") == 0
    picture = tmp_path / "out" / "terms.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert f"terms: {picture}" in capsys.readouterr().out


def test_one_loss_alone_has_no_terms(tmp_path):
    history = [{"epoch": 1, "loss": 0.5}]
    row = Row("cross_entropy", 0.1, (Run(None, {}, {}, 1, 1.0, history),), ())
    assert terms_of(row) == []
    assert save_terms([row], tmp_path / "terms.png") is None
    assert not (tmp_path / "terms.png").exists()


def test_terms_keep_their_order_and_a_gap_stays_a_gap(tmp_path):
    first = {"epoch": 1, "loss_value/b": 2.0, "loss_value/a": 1.0, "loss_weight/a": 1.0}
    history = [first, {**first, "epoch": 2}]
    row = Row("two", 0.1, (Run(None, {}, {}, 1, 1.0, history),), ())
    assert terms_of(row) == ["b", "a"]
    assert save_terms([row], tmp_path / "terms.png") == tmp_path / "terms.png"
