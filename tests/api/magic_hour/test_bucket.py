"""Server with its files in a bucket: uploads through it, downloads from the storage service."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from servers import Server


def test_files_go_into_a_bucket_and_come_out_of_it(running: Callable[..., Server], s3_client: Any, stock: Path) -> None:
    bucket = f"files-{uuid.uuid4().hex}"
    s3_client.create_bucket(Bucket=bucket)
    server = running(
        LIPSMITH_S3_BUCKET=bucket,
        LIPSMITH_S3_ENDPOINT=s3_client.meta.endpoint_url,
        LIPSMITH_S3_PUBLIC_ENDPOINT=s3_client.meta.endpoint_url.replace("127.0.0.1", "localhost"),
        LIPSMITH_S3_ACCESS_KEY="key",
        LIPSMITH_S3_SECRET_KEY="secret",
        LIPSMITH_S3_FOLDER="lipsmith/",
    )
    assets = {"image_file_path": server.upload(stock / "portrait.png", "image")}
    assert names(s3_client, bucket) == [f"lipsmith/open/{assets['image_file_path']}"]
    assets["audio_file_path"] = server.upload(stock / "speech.wav", "audio")
    answer = server.client.post(
        "/v1/ai-talking-photo", json={"assets": assets, "start_seconds": 0.0, "end_seconds": 0.5}
    )
    assert answer.status_code == 200, answer.text
    assert f"lipsmith/sealed/{assets['image_file_path']}" in names(s3_client, bucket)
    shown = server.finished(answer.json()["id"])
    assert shown["status"] == "complete", shown
    [download] = shown["downloads"]
    assert httpx.URL(download["url"]).host == "localhost"
    assert httpx.get(download["url"]).content[4:8] == b"ftyp"
    assert not (server.data_dir / "files").exists()
    assert server.client.delete(f"/v1/video-projects/{shown['id']}").status_code == 204
    assert httpx.get(download["url"]).status_code in (403, 404)  # a service may keep to itself that it is not there


def names(client: Any, bucket: str) -> list[str]:
    return [found["Key"] for found in client.list_objects_v2(Bucket=bucket).get("Contents", [])]
