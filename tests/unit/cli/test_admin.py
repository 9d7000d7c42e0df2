"""Commands for administrators load what they need, nothing that renders, queues or serves, and are easily read."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from lipsmith.cli.main import run

HEAVY = ("numpy", "cv2", "onnxruntime", "numba", "scipy", "av", "dbos", "fastapi", "uvicorn", "boto3", "alembic")

TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"

LISTING = (
    "import json, sys\n"
    "from lipsmith.cli.main import run\n"
    "code = run(sys.argv[1:])\n"
    f"print(json.dumps([name for name in {HEAVY} if name in sys.modules]), file=sys.stderr)\n"
    "sys.exit(code)\n"
)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with an account."""
    folder = tmp_path_factory.mktemp("admin") / "data"
    said("account", "create", data_dir=folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    "command", [["account", "list"], ["key", "list"], ["webhook", "list"], ["project", "list"]], ids=" ".join
)
def test_commands_load_nothing_heavy(command: list[str], data_dir: Path) -> None:
    options = ["--data-dir", str(data_dir), "--json"]
    done = subprocess.run([sys.executable, "-c", LISTING, *command, *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert isinstance(json.loads(done.stdout), dict)
    assert json.loads(done.stderr) == []


def said(*arguments: str, data_dir: Path) -> list[str]:
    out = io.StringIO()
    with redirect_stdout(out):
        assert run([*arguments, "--data-dir", str(data_dir)]) == 0
    return out.getvalue().splitlines()


@pytest.mark.slow
def test_lists_have_headers_and_times_of_the_clock(tmp_path: Path) -> None:
    for name in ("account", "key", "webhook", "project"):
        assert said(name, "list", data_dir=tmp_path) == [f"There are no {name}s."]
    made = said("account", "create", "--plan", "pro", "--email", "ada@example.org", data_dir=tmp_path)
    account = made[0].removeprefix("id: ")
    assert any(re.fullmatch(rf"created: {TIME}", line) for line in made)
    header, row = said("account", "list", data_dir=tmp_path)
    assert header.split() == ["ACCOUNT", "PLAN", "CREDITS", "SUSPENDED", "CREATED", "EMAIL"]
    assert re.fullmatch(rf"{account}  pro   25000    no         {TIME}  ada@example\.org", row)
    assert [row.index("pro"), row.index("ada@")] == [header.index("PLAN"), header.index("EMAIL")]
    [key] = said("key", "list", data_dir=tmp_path)[1:]
    assert re.fullmatch(rf"\w+  mhk_live_\w+ +{account}  {TIME}  -", key)
    added = said("webhook", "add", "https://example.org/hook", "--event", "video.completed", data_dir=tmp_path)
    assert [line for line in added if line.startswith(("account", "events"))] == [
        "account: all",
        "events: video.completed",
    ]
    [hook] = said("webhook", "list", data_dir=tmp_path)[1:]
    assert re.fullmatch(
        rf"\w+  all      magic_hour  video\.completed  no        {TIME}  https://example\.org/hook", hook
    )


@pytest.mark.slow
def test_a_webhook_that_would_not_be_told_is_said_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = [sys.executable, "-m", "lipsmith", "webhook", "add", "http://127.0.0.1:9000/hook", "--json"]
    for allowed, said in (("", "LIPSMITH_FETCH_ALLOW=127.0.0.1:9000"), ("127.0.0.1:9000", "")):
        monkeypatch.setenv("LIPSMITH_FETCH_ALLOW", allowed)
        done = subprocess.run([*command, "--data-dir", str(tmp_path)], capture_output=True, text=True)
        assert (done.returncode, set(json.loads(done.stdout)) >= {"id", "url", "secret"}) == (0, True)
        assert said in done.stderr
        assert bool(said) == ("Events will not arrive" in done.stderr)


def test_credentials_are_renewed_and_shown_once(tmp_path: Path) -> None:
    made = said("account", "create", data_dir=tmp_path)
    account = made[0].removeprefix("id: ")
    renewed = dict(line.split(": ") for line in said("account", "credentials", account, data_dir=tmp_path))
    assert renewed.keys() == {"account", "client_id", "client_secret"}
    assert (len(renewed["client_id"]), len(renewed["client_secret"])) == (16, 24)
    shown = said("account", "show", account, data_dir=tmp_path)
    assert f"client_id: {renewed['client_id']}" in shown
    assert renewed["client_secret"] not in "\n".join([*made, *shown])
