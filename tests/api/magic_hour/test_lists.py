"""Whoever runs a server reads in its list of projects why one has failed."""

from __future__ import annotations

import subprocess
from pathlib import Path

from PIL import Image

from servers import COMMAND, Server


def test_the_list_of_projects_tells_why_one_failed(server: Server, stock: Path, tmp_path: Path) -> None:
    Image.new("RGB", (96, 96), "grey").save(tmp_path / "nobody.png")
    body = {
        "assets": {
            "image_file_path": server.upload(tmp_path / "nobody.png", "image"),
            "audio_file_path": server.upload(stock / "speech.wav", "audio"),
        },
        "start_seconds": 0,
        "end_seconds": 0.4,
    }
    project = server.client.post("/v1/ai-talking-photo", json=body).json()["id"]
    error = server.finished(project)["error"]
    for what in (["project", "list"], ["project", "show", project]):
        command = [COMMAND, *what, "--data-dir", str(server.data_dir)]
        shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        [line] = [line for line in shown.splitlines() if line.endswith(f"{error['message']} [{error['code']}]")]
        assert line.startswith((project, "error: "))
