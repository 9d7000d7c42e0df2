"""What holds for the whole house: who imports whom, and what a library never does."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parent.parent / "src" / "lipsmith"
FILES = sorted(SOURCE.rglob("*.py"))

ROOMS = ["cli", "server", "dialects", "service", "storage", "database"]
ROOMS += ["pipeline", "engines", "render", "motion", "speech", "face", "media", "errors"]
"""From top to bottom; speech and face stand side by side, and so do storage and database."""

SIDE_BY_SIDE = [{"speech", "face"}, {"storage", "database"}]

HOMES = {
    "mediapipe": {"engines/mediapipe_face.py", "cli/doctor.py"},
    "espeakng_loader": {"synthesis/espeak_process.py", "synthesis/espeak.py"},
    "onnxruntime": {"synthesis/piper.py", "cli/doctor.py"},
    "defusedxml": {"speech/ssml.py"},
    "py3langid": {"speech/language.py"},
    "pocketsphinx": {"engines/transcript_reader.py", "cli/doctor.py"},
    "yt_dlp": {"service/network/youtube_child.py"},
    "boto3": {"storage/s3.py"},
    "botocore": {"storage/s3.py"},
    "dbos": {"service/jobs/queue.py"},
    "httpcore": {"service/network/fetch.py"},
    "httpx": {"service/network/fetch.py"},
    "fastapi": {"dialects", "server"},
    "starlette": {"dialects", "server"},
    "uvicorn": {"server"},
    "typer": {"cli"},
    "rich": {"cli"},
    "av": {"media", "cli/doctor.py"},
    "PIL": {"media", "cli/doctor.py"},
}
"""Library -> the only places that import it."""


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def place(file: Path) -> str:
    return file.relative_to(SOURCE).as_posix()


@pytest.mark.parametrize("file", FILES, ids=place)
def test_a_room_imports_only_rooms_below_it(file: Path) -> None:
    room = place(file).split("/")[0].removesuffix(".py")
    if room not in ROOMS:
        return
    for name in imports(ast.parse(file.read_text())):
        parts = name.split(".")
        if parts[0] == "lipsmith" and len(parts) > 1:
            assert ROOMS.index(parts[1]) >= ROOMS.index(room), f"{place(file)} imports {name}"
            assert {room, parts[1]} not in SIDE_BY_SIDE, f"{place(file)} imports {name}"


@pytest.mark.parametrize("file", FILES, ids=place)
def test_a_library_is_imported_only_at_its_home(file: Path) -> None:
    where = place(file)
    for name in imports(ast.parse(file.read_text())):
        homes = HOMES.get(name.split(".")[0])
        assert homes is None or where in homes or where.split("/")[0] in homes, f"{where} imports {name}"


@pytest.mark.parametrize("file", [f for f in FILES if "cli" not in f.parts], ids=place)
def test_the_library_prints_nothing_reads_no_environment_and_configures_no_logging(file: Path) -> None:
    if file.name == "espeak_process.py":  # a program of its own, whose stdout is the pipe to its parent
        return
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("print", "input", "breakpoint"), f"{place(file)}:{node.lineno}"
        if isinstance(node, ast.Attribute) and place(file) != "synthesis/voice_store.py":  # LIPSMITH_VOICES_DIR alone
            assert node.attr not in ("environ", "getenv", "basicConfig"), f"{place(file)}:{node.lineno}"
