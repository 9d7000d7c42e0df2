"""Every dependency exists as a wheel for the systems and Pythons that the README names."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import uv

HOME = Path(__file__).resolve().parent.parent
EXTRAS = tuple(tomllib.loads((HOME / "pyproject.toml").read_text())["project"]["optional-dependencies"])
SYSTEMS = {
    "Linux x86-64": "x86_64-manylinux_2_28",
    "Linux arm64": "aarch64-manylinux_2_28",
    "macOS arm64": "aarch64-apple-darwin",
    "Windows x86-64": "x86_64-pc-windows-msvc",
}
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


def resolved(system: str, python: str, extras: tuple[str, ...]) -> set[str]:
    """Return the names of all packages that an installation would take, wheels only."""
    options = ["--quiet", "--no-header", "--no-annotate", "--only-binary", ":all:"]
    command = [uv.find_uv_bin(), "pip", "compile", *options, "--python-platform", system, "--python-version", python]
    done = subprocess.run(
        [*command, *(f"--extra={extra}" for extra in extras), "pyproject.toml"],
        cwd=HOME,
        env=os.environ | {"MACOSX_DEPLOYMENT_TARGET": "14.0"},
        capture_output=True,
        text=True,
        check=False,
    )
    if re.search(r"Failed to fetch|dns error|Could not connect|network connectivity", done.stderr):
        pytest.skip("the package index cannot be reached")
    assert done.returncode == 0, done.stderr
    return set(re.findall(r"^([\w.-]+)==", done.stdout, re.MULTILINE))


@pytest.mark.slow
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_all_packages_exist_as_wheels(system: str, python: str) -> None:
    alone, whole = (resolved(SYSTEMS[system], python, extras) for extras in ((), EXTRAS))
    assert {"av", "numba", "numpy", "onnxruntime", "opencv-python-headless"} <= alone < whole
    assert not {"mediapipe", "jax", "opencv-contrib-python", "opencv-python"} & whole
    assert "scipy" not in resolved(SYSTEMS[system], python, ("voice",))
    can_align = python != "3.14" and (system, python) != ("Linux arm64", "3.12")
    assert ("pocketsphinx" in whole) == can_align


def test_the_readme_names_these_pythons() -> None:
    project = tomllib.loads((HOME / "pyproject.toml").read_text())["project"]
    named = re.findall(r"Python :: (3\.\d+)", " ".join(project["classifiers"]))
    assert tuple(named) == PYTHONS
    table = (HOME / "README.md").read_text("utf-8")
    assert all(system.split(" ")[0] in table for system in SYSTEMS)
    assert "3.11, 3.12, 3.13 or 3.14" in table
