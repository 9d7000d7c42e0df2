"""The files in deploy/ fit the program: settings, extras and files exist, and no service has superfluous rights."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from lipsmith.cli.main import app
from lipsmith.server.settings import all_settings
from lipsmith.synthesis.voice_store import FOLDER_VARIABLE
from servers import Server, server

__all__ = ["server"]

HOME = Path(__file__).resolve().parent.parent.parent
DOCKERFILE = HOME / "deploy/Dockerfile"
TEXTS = [DOCKERFILE, HOME / "deploy/compose.yaml", *HOME.glob("docs/howto/*.md"), HOME / "README.md"]


def steps() -> list[tuple[str, str]]:
    """(instruction, rest) of the Dockerfile, continued lines joined."""
    lines = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE)).splitlines()
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines if line)]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    yaml = pytest.importorskip("yaml", reason="reads the compose file")
    return dict(yaml.safe_load((HOME / "deploy/compose.yaml").read_text()))


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_every_setting_that_is_named_exists(path: Path) -> None:
    known = {name for name, _ in all_settings()} | {FOLDER_VARIABLE}
    assert set(re.findall(r"LIPSMITH_[A-Z0-9_]+", path.read_text())) <= known


def test_the_container_has_no_rights_and_one_volume() -> None:
    last = [rest for name, rest in steps() if name == "USER"][-1]
    assert last.split(":")[0].isdigit()
    assert int(last.split(":")[0]) >= 1000
    assert [json.loads(rest) for name, rest in steps() if name == "VOLUME"] == [["/data"]]
    names = [name for name, _ in steps()]
    assert {"RUN", "COPY", "ADD"}.isdisjoint(names[names.index("USER") :])


def test_what_the_container_is_made_of_exists() -> None:
    for name, rest in steps():
        if name == "COPY" and not rest.startswith("--from"):
            for source in shlex.split(rest)[:-1]:
                assert (HOME / source).exists()
                assert f"!{source}" in (HOME / "deploy/Dockerfile.dockerignore").read_text().splitlines()
    [extras] = [rest.partition("=")[2].split(",") for name, rest in steps() if name == "ARG"]
    known = tomllib.loads((HOME / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(extras) <= set(known)


@pytest.mark.slow
def test_the_health_check_tells_well_from_ill(server: Server) -> None:
    [check] = [rest.partition("CMD ")[2] for name, rest in steps() if name == "HEALTHCHECK"]
    program, option, code = json.loads(check)
    assert (program, option) == ("python", "-c")
    port = server.url.rpartition(":")[2]
    well = subprocess.run([sys.executable, "-c", code.replace("8000", port)], capture_output=True)
    assert well.returncode == 0, well.stderr
    ill = subprocess.run([sys.executable, "-c", code.replace("8000", "1")], capture_output=True)
    assert ill.returncode == 1


def test_commands_exist(compose: dict[str, Any]) -> None:
    known = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    [default] = [json.loads(rest) for name, rest in steps() if name == "CMD"]
    assert {default[0], compose["services"]["runner"]["command"][0]} <= known


def test_the_composition_holds_together(compose: dict[str, Any]) -> None:
    services = compose["services"]
    used = {volume.split(":")[0] for one in services.values() for volume in one.get("volumes", ())}
    assert used == set(compose["volumes"])
    for one in services.values():
        assert set(one.get("depends_on", ())) <= set(services)
        assert "." not in one["image"].split("/")[0] or "/" not in one["image"]  # no host is named
        assert all(port.startswith("127.0.0.1:") for port in one.get("ports", ()))
        for name, value in one.get("environment", {}).items():
            if re.search("PASSWORD|SECRET", name):
                assert value.startswith("${")


def test_our_own_services_can_write_nowhere_else(compose: dict[str, Any]) -> None:
    ours = [one for one in compose["services"].values() if one["image"] == "lipsmith"]
    assert len(ours) == 2
    for one in ours:
        assert one["read_only"] is True
        assert one["cap_drop"] == ["ALL"]
        assert one["tmpfs"] == ["/tmp"]
        assert [volume.split(":")[1] for volume in one["volumes"]] == ["/data"]
