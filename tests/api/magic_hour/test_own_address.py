"""A server that listens everywhere says where the links in its webhooks lead, and that it was not told."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from servers import COMMAND


@contextmanager
def listening(data_dir: Path, host: str, **environment: str) -> Iterator[str]:
    """Output until the server listens."""
    command = [COMMAND, "serve", "--host", host, "--port", "0", "--concurrency", "0", "--data-dir", str(data_dir)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=os.environ | environment
    )
    assert process.stdout is not None
    said = ""
    try:
        for line in process.stdout:
            said += line
            if "serves at" in line:
                yield said
                return
        raise AssertionError(said)
    finally:
        process.terminate()
        process.wait(timeout=240)
        process.stdout.close()


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_listening_everywhere(tmp_path: Path, host: str) -> None:
    with listening(tmp_path, host, LIPSMITH_ALLOWED_HOSTS="") as said:
        [guess] = re.findall(r"Links in webhooks will lead to (http://\S+), which is a guess\. Set (\w+) ", said)
        assert guess[1] == "LIPSMITH_PUBLIC_URL"
        assert f"serves at {guess[0]}\n" in said
        assert not re.search(r"//(0\.0\.0\.0|\[::\]):", said)
        assert httpx.get(f"{guess[0]}/healthz", trust_env=False).status_code == 200


@pytest.mark.parametrize(
    ("host", "environment"),
    [
        ("127.0.0.1", {}),
        ("0.0.0.0", {"LIPSMITH_PUBLIC_URL": "https://lipsmith.example.org"}),
    ],
)
def test_nothing_is_guessed(tmp_path: Path, host: str, environment: dict[str, str]) -> None:
    with listening(tmp_path, host, **environment) as said:
        assert "webhooks" not in said
