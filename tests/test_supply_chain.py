"""A deployment has pinned and hashed packages, known licences, and weights that contain no code."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement

HOME = Path(__file__).resolve().parent.parent
LOCK = HOME / "deploy/requirements.lock"
LOCKS = (LOCK, HOME / "deploy/requirements-test.lock")
PROJECT = tomllib.loads((HOME / "pyproject.toml").read_text())["project"]
NO_WEIGHTS = {".pt", ".pth", ".pkl", ".pickle", ".joblib", ".ckpt", ".bin", ".h5", ".keras"}
"""Extensions of files that run code when they are loaded, or may."""

FREE = re.compile(
    r"^(MIT|HPND|BSD|3-Clause BSD|0BSD|Apache|ISC|PSF-2\.0|Python Software|MPL-2\.0|Mozilla|Zlib|Unlicense|Unicode|CC0"
    r"|Public Domain|The Unlicense|LLVM)"
)
"""How the names of licences begin under which everything may be used and passed on."""
KNOWN_OTHERS = {
    "espeakng-loader": "carries espeak-ng, GPL-3.0; runs in a process of its own, and only with the extra voice",
    "psycopg": "LGPL-3.0, used as a library that can be replaced",
    "psycopg-binary": "LGPL-3.0, used as a library that can be replaced",
}
"""Packages with other terms, and the reason why they are acceptable; NOTICE and the README list them."""


def pinned(text: str) -> dict[str, list[tuple[Requirement, int]]]:
    """Package -> its lines in a lock file, each with the number of its hashes."""
    found: dict[str, list[tuple[Requirement, int]]] = {}
    for block in re.split(r"\n(?=\S)", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)):
        if block.strip():
            line = Requirement(block.partition("\\")[0].strip())
            found.setdefault(line.name.lower(), []).append(
                (line, len(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", block)))
            )
    return found


def deployed() -> list[Requirement]:
    """Requirements of the container."""
    [extras] = re.findall(r"^ARG EXTRAS=(.*)$", (HOME / "deploy/Dockerfile").read_text(), re.MULTILINE)
    wanted = [*PROJECT["dependencies"]]
    for extra in extras.split(","):
        wanted += PROJECT["optional-dependencies"][extra]
    return [Requirement(text) for text in wanted]


def unpinned(text: str) -> list[str]:
    """Requirements without a pinned version that fits, or without a hash."""
    lock = pinned(text)
    missing = []
    for wanted in deployed():
        lines = [line for line, _ in lock.get(wanted.name.lower(), [])]
        if not any(wanted.specifier.contains(next(iter(line.specifier)).version) for line in lines):
            missing.append(wanted.name)
    return missing + [name for name, lines in lock.items() if not all(hashes for _, hashes in lines)]


def test_a_deployment_is_pinned_and_hashed() -> None:
    assert unpinned(LOCK.read_text()) == []
    assert all(str(line.specifier).startswith("==") for lines in pinned(LOCK.read_text()).values() for line, _ in lines)
    assert "pip install --require-hashes -r requirements.lock" in re.sub(
        r"\s+", " ", (HOME / "deploy/Dockerfile").read_text().replace("--no-cache-dir ", "")
    )


def test_tests_run_with_the_versions_that_are_deployed() -> None:
    deployed, tested = (set(re.findall(r"^[a-z][^ ]*==[^ ]+", lock.read_text(), re.MULTILINE)) for lock in LOCKS)
    assert len(deployed) > 50
    assert deployed - tested == set()


@pytest.mark.parametrize(
    ("what", "instead"),
    [(r"^fastapi==[^\n]+\n(?:    --hash[^\n]+\n)+", ""), (r"^numpy==\S+", "numpy==1.0"), ("=sha256:", "=md5:")],
    ids=["one is missing", "one does not fit", "no hashes"],
)
def test_a_lock_with_a_hole_is_seen(what: str, instead: str) -> None:
    assert unpinned(re.sub(what, instead, LOCK.read_text(), count=0, flags=re.MULTILINE)) != []


def test_everything_that_is_deployed_has_terms_we_know() -> None:
    here = []
    for name in pinned(LOCK.read_text()):
        try:
            version(name)
            here.append(name)
        except PackageNotFoundError:
            continue  # for another system or Python
    assert len(here) > 50
    command = [sys.executable, "-m", "piplicenses", "--python", sys.executable, "--format=json", "--from=mixed"]
    done = subprocess.run([*command, "--packages", *here], capture_output=True, text=True, check=True)
    told = {entry["Name"].lower().replace("_", "-"): entry["License"] for entry in json.loads(done.stdout)}
    others = {name: terms for name, terms in told.items() if not all(map(is_free, re.split(r";| AND ", terms)))}
    assert set(others) == KNOWN_OTHERS.keys() & told.keys(), others


def is_free(terms: str) -> bool:
    """True if one licence, or one of several alternatives, is among `FREE`."""
    return any(FREE.match(one.strip(" ()")) for one in terms.split(" OR "))


@pytest.mark.parametrize("terms", ["GPL-3.0", "Proprietary", "UNKNOWN", "Affero GPL", "LGPL-3.0-only"])
def test_other_terms_are_seen(terms: str) -> None:
    assert not is_free(terms)


def test_weights_are_numbers_and_nothing_else() -> None:
    tracked = [path for path in (HOME / "src").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert [path for path in tracked if path.suffix in NO_WEIGHTS] == []
    for path in (path for path in tracked if path.suffix == ".npz"):
        with np.load(path, allow_pickle=False) as arrays:
            assert all(arrays[name].dtype.kind in "fiu" for name in arrays.files)
