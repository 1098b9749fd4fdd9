"""Average precision of the global batch under ``torchrun``.

``torchrun --nproc-per-node 2 examples/ddp.py``. A metric of sets is no mean over processes:
``gather="batch"`` makes the loss of each process that of all scores, and DistributedDataParallel
then averages gradients to what one process with the whole batch would have.
"""

from __future__ import annotations

import os

import torch
import torch.distributed as dist
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import lossc


def main(epochs: int = 5) -> float:
    """Train on this process's share of each batch; return the average precision held out."""
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    rank, world = dist.get_rank(), dist.get_world_size()
    local = int(os.environ["LOCAL_RANK"])
    device = torch.device("cuda", local) if torch.cuda.is_available() else torch.device("cpu")
    torch.manual_seed(0)  # the same weights and the same order everywhere
    digits = load_digits()
    x = torch.as_tensor(digits.data, dtype=torch.float32).to(device) / 16
    relevant = torch.as_tensor(digits.target).to(device) == 0
    order = torch.randperm(len(x))
    train, held_out = order[:1400], order[1400:]
    network = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1)).to(device)
    parallel = DistributedDataParallel(network)
    loss_fn = lossc.loss("average_precision", gather="batch")
    optimiser = torch.optim.Adam(network.parameters(), 0.003)
    for _ in range(epochs):
        for batch in train[torch.randperm(len(train))].split(100):
            mine = batch[rank::world]
            loss = loss_fn(parallel(x[mine]).squeeze(1), relevant[mine])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    with torch.no_grad():
        exact = loss_fn.metric(network(x[held_out]).squeeze(1), relevant[held_out]).item()
    if rank == 0:
        size = torch.cat([p.flatten() for p in network.parameters()]).norm().item()
        print(f"{world} processes: average precision {exact:.6f}, weights of norm {size:.5f}")
    dist.destroy_process_group()
    return exact


if __name__ == "__main__":
    main()
