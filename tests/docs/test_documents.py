"""The documentation holds: its snippets run, its lists are complete, its links lead somewhere."""

from __future__ import annotations

import inspect
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

import lipsmith
from lipsmith import errors
from lipsmith.cli.main import run
from lipsmith.motion.track import CHANNELS
from lipsmith.service import errors as service_errors
from lipsmith.storage import errors as storage_errors

HOME = Path(__file__).resolve().parent.parent.parent
PAGES = sorted([*HOME.glob("*.md"), *HOME.glob("docs/**/*.md"), *HOME.glob("examples/**/*.md")])
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def name(page: Path) -> str:
    return page.relative_to(HOME).as_posix()


def blocks(page: Path) -> list[tuple[str, str]]:
    """(language, content) of each code block."""
    return BLOCK.findall(page.read_text())


def commands(block: str) -> Iterator[tuple[list[str], str]]:
    """(arguments, what is printed below) of each ``$ lipsmith`` line."""
    for part in block.removeprefix("$ ").split("\n$ "):
        line, _, output = part.partition("\n")
        program, *arguments = shlex.split(line)
        assert program == "lipsmith"
        yield arguments, output


RUNNABLE = [page for page in PAGES if any(language in ("python", "console") for language, _ in blocks(page))]


@pytest.mark.slow
@pytest.mark.parametrize("page", RUNNABLE, ids=name)
def test_snippets_run(page: Path, room: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for language, block in blocks(page):
        if language == "python":
            exec(compile(block, name(page), "exec"), {"__name__": "snippet"})
        elif language == "console":
            for arguments, output in commands(block):
                expected = re.search(r"\[(\w+)\]$", output.strip())
                code = run(arguments)
                said = capfd.readouterr()
                assert code == (2 if expected else 0), said.err
                if expected:
                    assert said.err.strip().endswith(expected[0])
                    beginning = output.split("...")[0]
                    assert beginning in said.err


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_code_blocks_are_of_a_known_kind(page: Path) -> None:
    fences = re.findall(r"^```(.*)$", page.read_text(), re.MULTILINE)
    assert len(fences) % 2 == 0
    assert set(fences[::2]) <= {"python", "console", "text"}
    assert set(fences[1::2]) <= {""}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{name(page)} links to {target}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", there.read_text(), re.MULTILINE)
            assert anchor in {heading.lower().replace(" ", "-") for heading in headings}


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), [HOME / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        targets = re.findall(r"\]\(([^)#:]+\.md)", page.read_text())
        waiting += [(page.parent / target).resolve() for target in targets]
    assert {name(page) for page in HOME.glob("docs/**/*.md")} <= {name(page) for page in reached}


@pytest.mark.slow
def test_the_command_lines_page_is_fresh() -> None:
    done = subprocess.run([sys.executable, HOME / "scripts/reference", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_versions_agree() -> None:
    done = subprocess.run([sys.executable, HOME / "scripts/version"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert lipsmith.__version__ in done.stdout


def test_every_error_is_listed_once_with_its_class() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \|", (HOME / "docs/reference/errors.md").read_text(), re.MULTILINE)
    listed = {(code, kind) for code, kinds in rows for kind in re.findall(r"`(\w+)`", kinds)}
    known = {
        (kind.code, label)
        for module in (errors, storage_errors, service_errors)
        for label, kind in vars(module).items()
        if inspect.isclass(kind) and issubclass(kind, errors.LipsmithError)
    }
    assert listed == known
    assert len(rows) == len({code for code, _ in rows})


def test_every_motion_channel_is_listed_with_its_range() -> None:
    text = (HOME / "docs/reference/motion-track.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| ([-\d.]+) \| ([-\d.]+) \| ([-\d.]+) \| (.+) \|$", text, re.MULTILINE)
    listed = {label: (float(low), float(high), float(rest), meaning) for label, low, high, rest, meaning in rows}
    assert listed == dict(CHANNELS)


def test_every_public_name_parameter_and_field_is_listed() -> None:
    text = (HOME / "docs/reference/python.md").read_text()
    for public in lipsmith.__all__:
        assert public in text
    sections = dict(re.findall(r"^## (\w+)$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    for function in (lipsmith.talking_photo, lipsmith.lip_sync, lipsmith.speak_text):
        section = sections[function.__name__]
        for parameter in inspect.signature(function).parameters:
            assert f"`{parameter}`" in section
    records = (lipsmith.TalkResult, lipsmith.SyncResult, lipsmith.SyncedFace, lipsmith.Speaker, lipsmith.Progress)
    for record in (*records, lipsmith.SpokenResult):
        for field in fields(record):
            assert f"`{field.name}`" in sections[record.__name__]
