"""Fit of the two nets to the spoken sentences: the first one, then one that grows out of it."""

from __future__ import annotations

import math
from pathlib import Path
from time import perf_counter

import numpy as np
import torch

from training.augment import Material, batch, material
from training.data import load
from training.model import FIRST_DILATIONS, VisemeNet, grown

BATCH, SMOOTHING, DECAY = 24, 0.03, 0.01
STEPS, RATE = 12600, 4e-3
GROWN_STEPS, GROWN_RATE = 6700, 3e-3
WARM_UP = 0.02


def train(folder: Path, *, minutes: float | None = None) -> None:
    """Write ``first.pt`` and ``grown.pt``. ``minutes`` ends each by the clock instead of after its steps."""
    torch.set_num_threads(1)
    stuff = material(load(folder / "train.npz"))
    torch.manual_seed(1)
    first = _fitted(VisemeNet(FIRST_DILATIONS), stuff, folder, steps=STEPS, top_rate=RATE, minutes=minutes, seed=1)
    torch.save({"net": first.state_dict()}, folder / "first.pt")
    torch.manual_seed(2)
    net = _fitted(grown(first), stuff, folder, steps=GROWN_STEPS, top_rate=GROWN_RATE, minutes=minutes, seed=2)
    torch.save({"net": net.state_dict()}, folder / "grown.pt")


def _fitted(
    net: VisemeNet, stuff: Material, folder: Path, *, steps: int, top_rate: float, minutes: float | None, seed: int
) -> VisemeNet:
    """Return the net after one cosine decay of the learning rate."""
    rng = np.random.default_rng(seed)
    print(f"{sum(p.numel() for p in net.parameters())} weights, {len(stuff.rows) / 180000:.1f} h", flush=True)
    decayed = [p for p in net.parameters() if p.ndim > 1]
    plain = [p for p in net.parameters() if p.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": DECAY}, {"params": plain, "weight_decay": 0.0}], lr=top_rate
    )
    began, seen, step, done = perf_counter(), 0.0, 0, 0.0
    while done < 1.0:
        done = (perf_counter() - began) / 60 / minutes if minutes else step / steps
        rate = top_rate * min(done / WARM_UP, 1.0) * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
        for group in optimiser.param_groups:
            group["lr"] = rate
        x, rows = batch(stuff, BATCH, rng)
        target = rows * (1 - SMOOTHING) + SMOOTHING / rows.shape[2]
        logits, _ = net(x)
        loss = -(target * torch.log_softmax(logits, 1).transpose(1, 2)).sum(2).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        seen = 0.98 * seen + 0.02 * loss.item() if step else loss.item()
        step += 1
        if step % 100 == 0:
            right = float((logits.argmax(1) == rows.argmax(2)).float().mean())
            print(f"{perf_counter() - began:6.0f} s  step {step:6d}  loss {seen:.3f}  right {right:.2f}", flush=True)
        if step % 500 == 0:
            torch.save({"net": net.state_dict(), "steps": step}, folder / "net.part.pt")
    return net
