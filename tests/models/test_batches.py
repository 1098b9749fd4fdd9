from __future__ import annotations

from dataclasses import replace

import torch

from lossc.models.data.batches import Batches
from lossc.models.data.split import Split
from lossc.models.distributed import World
from lossc.models.trainer import train


def test_batches_hold_every_example_once():
    split = Split(torch.arange(10.0), {"label": torch.arange(10)})
    batches = Batches(split, batch_size=3, seed=1, group=2)
    groups = list(batches)
    assert [[len(batch) for batch in group] for group in groups] == [[3, 3], [3, 1]]
    assert (len(batches), batches.steps) == (2, 4)
    seen = torch.cat([batch.targets["label"] for group in groups for batch in group])
    assert seen.sort().values.tolist() == list(range(10))
    assert seen.tolist() != list(range(10))
    again = [batch.features for group in Batches(split, 3, seed=1) for batch in group]
    torch.testing.assert_close(torch.cat(again), seen.float())


def test_processes_share_a_batch():
    split = Split(torch.arange(10.0), {"label": torch.arange(10)})
    whole = [batch for group in Batches(split, 4, seed=1) for batch in group]
    worlds = [World(rank, 3, rank, 3) for rank in range(3)]
    shared = [list(Batches(split, 4, seed=1, rows=world.rows)) for world in worlds]
    for place, batch in enumerate(whole):
        parts = [groups[place][0] for groups in shared]
        assert torch.equal(torch.cat([part.features for part in parts]), batch.features)
        assert all(torch.equal(part.targets["label"], batch.targets["label"]) for part in parts)


def test_every_epoch_has_its_own_order(make_job, digits, monkeypatch):
    orders = []
    original = Batches.__iter__

    def spy(self):
        orders.append(self.seed)
        return original(self)

    monkeypatch.setattr(Batches, "__iter__", spy)
    train(make_job(recipe=replace(digits, epochs=3)))
    assert len(set(orders)) == 3
