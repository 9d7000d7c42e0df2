"""Speech net in torch: mel spectra in, visemes out. `lipsmith.speech.net` runs it in numpy."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

CHANNELS, NARROW, HIDDEN, VISEMES = 96, 48, 64, 15
FIRST_DILATIONS = (1, 2, 4, 8) * 2
GROWN_DILATIONS = (1, 2, 4, 8) * 3
"""One dilation per block, of the first net and of the net that grows out of it."""


def _convolution(inputs: int, outputs: int, size: int = 1, *, dilation: int = 1) -> nn.Sequential:
    """Return a convolution that keeps the length, and its batch norm."""
    padding = dilation * (size // 2)
    return nn.Sequential(
        nn.Conv1d(inputs, outputs, size, dilation=dilation, padding=padding, bias=False), nn.BatchNorm1d(outputs)
    )


class VisemeNet(nn.Module):
    """Net from (b, 40, 2 t) normalised mel to (b, 15, t) logits and (b, 64, t) hidden features."""

    def __init__(self, dilations: Sequence[int]) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv1d(40, CHANNELS, 6, stride=2, padding=2, bias=False), nn.BatchNorm1d(CHANNELS))
        self.blocks = nn.ModuleList(
            nn.ModuleList([
                _convolution(CHANNELS, NARROW),
                _convolution(NARROW, NARROW, 3, dilation=dilation),
                nn.Conv1d(NARROW, CHANNELS, 1),
            ])
            for dilation in dilations
        )  # fmt: skip
        self.neck = _convolution(CHANNELS, HIDDEN)
        self.out = nn.Conv1d(HIDDEN, VISEMES, 1)

    def forward(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        x = self.stem(mel)
        for narrow, middle, wide in self.blocks:
            x = x + wide(torch.relu(middle(torch.relu(narrow(torch.relu(x))))))
        hidden = torch.relu(self.neck(torch.relu(x)))
        return self.out(hidden), hidden


def grown(first: VisemeNet) -> VisemeNet:
    """Return a deeper net with the same output as the first one before training: its new blocks add nothing yet."""
    net = VisemeNet(GROWN_DILATIONS)
    net.load_state_dict(first.state_dict(), strict=False)
    for _, _, wide in net.blocks[len(first.blocks) :]:
        nn.init.zeros_(wide.weight)
        nn.init.zeros_(wide.bias)
    return net


def folded(net: VisemeNet) -> dict[str, Tensor]:
    """Return weights (size, in, out) and biases by name, with batch norms folded into the convolutions before them."""

    def fold(pair: nn.Sequential) -> tuple[Tensor, Tensor]:
        convolution, norm = pair[0], pair[1]
        gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        return convolution.weight * gain[:, None, None], norm.bias - norm.running_mean * gain

    layers = {"stem": fold(net.stem), "neck": fold(net.neck), "out": (net.out.weight, net.out.bias)}
    for k, (narrow, middle, wide) in enumerate(net.blocks):
        layers |= {f"narrow{k}": fold(narrow), f"middle{k}": fold(middle), f"wide{k}": (wide.weight, wide.bias)}
    named = {}
    for name, (weight, bias) in layers.items():
        named[f"{name}.weight"], named[f"{name}.bias"] = weight.detach().permute(2, 1, 0), bias.detach()
    return named
