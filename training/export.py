"""Export of weights into the package, and of their SHA-256 into the code that reads them."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from lipsmith.speech import net as numpy_net
from training.model import FIRST_DILATIONS, GROWN_DILATIONS, VisemeNet, folded

_PACKAGE = Path(numpy_net.__file__).parent
_REFERENCE = Path(__file__).resolve().parents[1] / "tests" / "unit" / "speech" / "viseme_net_reference.npz"


def packed(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return .npz bytes; equal arrays always give equal bytes."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for key in sorted(arrays):
            part = io.BytesIO()
            np.lib.format.write_array(part, np.asarray(arrays[key]), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{key}.npy", (2020, 1, 1, 0, 0, 0)), part.getvalue())
    return data.getvalue()


def write_to(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write weights to any path."""
    path.write_bytes(packed(arrays))


def write(name: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Write weights into the package, and their SHA-256 into the code."""
    data, code = packed(arrays), _PACKAGE / "net.py"
    (_PACKAGE / "weights").mkdir(exist_ok=True)
    (_PACKAGE / "weights" / name).write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    code.write_text(re.sub(rf'("{re.escape(name)}": ")[^"]*', rf"\g<1>{digest}", code.read_text()))
    numpy_net.WEIGHTS[name] = digest  # type: ignore[index]
    numpy_net._weights.cache_clear()
    print(f"{name}: {len(data) // 1000} kB, {digest}")


def export_nets(folder: Path) -> None:
    """Export checkpoints of torch to the package; numpy must give the same results as torch."""
    nets = {
        "first": restored(folder / "first.pt", FIRST_DILATIONS),
        "grown": restored(folder / "grown.pt", GROWN_DILATIONS),
    }
    write("viseme_net.npz", {
        f"{name}.{layer}": value.numpy().astype(np.float16)
        for name, net in nets.items() for layer, value in folded(net).items()
    })  # fmt: skip
    noise = np.random.default_rng(5).standard_normal((600, 40))
    mel = (gaussian_filter(noise, (3.0, 2.0)) * 40.0 - 8.0).astype(np.float16)
    got = np.mean([by_torch(net, mel.astype(np.float32)) for net in nets.values()], axis=0)
    np.savez_compressed(_REFERENCE, mel=mel, visemes=got)
    off = np.abs(numpy_net.run_nets(mel.astype(np.float32)).visemes - got).max()
    print(f"numpy against torch: at most {off:.1e} apart")


def by_torch(net: VisemeNet, mel: np.ndarray) -> np.ndarray:
    """Return the visemes of (t, 40) logarithms of mel power, (n, 15)."""
    x = (mel - numpy_net.level(mel)[:, None]) / numpy_net.NEPER_PER_UNIT + 1.0
    with torch.no_grad():
        logits, _ = net(torch.from_numpy(x.T[None].astype(np.float32)))
    return torch.softmax(logits, 1)[0].T.numpy()


def restored(path: Path, dilations: Sequence[int]) -> VisemeNet:
    """Load the trained net for inference."""
    net = VisemeNet(dilations)
    net.load_state_dict(torch.load(path, weights_only=True)["net"])
    return net.eval()
