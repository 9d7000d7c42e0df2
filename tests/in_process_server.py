"""The HTTP application in a thread of this process, with its own database and files, without rendering."""

from __future__ import annotations

import io
import threading
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import pytest
import sqlalchemy as sa
import uvicorn
from PIL import Image

from lipsmith.database.tables import jobs
from lipsmith.server.app import application
from lipsmith.server.context import Context
from lipsmith.server.settings import Settings

PLENTY = 10**9
"""Credits that do not run out."""


@dataclass(frozen=True, kw_only=True)
class InProcessServer:
    """The parts, and an account with credits that do not run out."""

    context: Context
    url: str
    account: str
    key: str
    client: httpx.Client
    """Speaks for the account."""

    def upload(self, kind: str, extension: str, content: bytes) -> str:
        """Uploads a file; its file_path."""
        wish = {"type": kind, "extension": extension}
        [item] = self.client.post("/v1/files/upload-urls", json={"items": [wish]}).json()["items"]
        assert httpx.put(item["upload_url"], content=content).status_code == 200
        return str(item["file_path"])

    def job(self, project: str) -> str:
        """The project's job."""
        with self.context.database.read() as conn:
            return str(conn.scalar(sa.select(jobs.c.id).where(jobs.c.project == project)))


@pytest.fixture(scope="module")
def in_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcessServer]:
    """One for all tests of a module."""
    context = Context(Settings(data_dir=tmp_path_factory.mktemp("in_process")))
    context.prepare()
    made = context.accounts.create("business", credits_given=PLENTY, email="ada@example.org")
    with (
        listening(context) as url,
        httpx.Client(base_url=url, headers={"Authorization": f"Bearer {made.api_key}"}) as client,
    ):
        yield InProcessServer(context=context, url=url, account=made.account.id, key=made.api_key, client=client)
    context.close()


@contextmanager
def listening(context: Context) -> Iterator[str]:
    """The URL of the application, as long as it listens."""
    config = uvicorn.Config(
        application(context), port=0, http="httptools", log_config=None, access_log=False, lifespan="off"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield "http://{}:{}".format(*server.servers[0].sockets[0].getsockname())
    finally:
        server.should_exit = True
        thread.join()


def some_picture() -> bytes:
    """A PNG without a face."""
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "grey").save(file, "PNG")
    return file.getvalue()


def some_sound() -> bytes:
    """A WAV of a tenth of a second."""
    file = io.BytesIO()
    with wave.open(file, "wb") as audio:
        audio.setnchannels(1)
        audio.setsampwidth(2)
        audio.setframerate(8000)
        audio.writeframes(b"\x00\x10" * 800)
    return file.getvalue()
