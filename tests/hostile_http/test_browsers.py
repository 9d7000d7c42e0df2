"""Security headers, allowed hosts, and ranges of files."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from asgi_servers import Where, echo, listening
from benchmarks.trust_http import spoken
from fastapi import Request
from starlette.responses import FileResponse, JSONResponse, Response

from in_process_server import InProcessServer, some_picture
from lipsmith.server.files import Download
from lipsmith.server.middleware import SAFE_HEADERS, AllowedHosts, BodyLimits, own_hosts

CONTENT = bytes(range(256)) * 4


def misdirected(request: Request, why: str) -> Response:
    return JSONResponse({"message": why}, status_code=421)


def asked_for(where: Where, host: str, path: str = "/v1/account") -> int:
    """The status when ``host`` is asked for."""
    said = spoken(where, f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    return int(said.split()[1])


def test_every_answer_says_what_browsers_may_do(in_process: InProcessServer) -> None:
    asked = [
        in_process.client.get("/v1/account"),
        httpx.get(f"{in_process.url}/v1/account"),
        in_process.client.post("/v1/face-detection", content=b"{"),
        in_process.client.get("/nowhere"),
        in_process.client.get("/healthz"),
        in_process.client.get("/openapi.json"),
        in_process.client.get("/files/a/b.png"),
    ]
    assert [got.status_code for got in asked] == [200, 401, 400, 404, 200, 200, 403]
    for got in asked:
        assert {name: got.headers.get(name) for name in SAFE_HEADERS} == SAFE_HEADERS


def test_what_breaks_is_answered_like_all_else(in_process: InProcessServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async def breaks(self: BodyLimits, *request: object) -> None:
        raise RuntimeError("nobody thought of this")

    monkeypatch.setattr(BodyLimits, "__call__", breaks)
    first = in_process.client.get("/v1/account")
    second = in_process.client.get("/api/open/v3/voice/list", headers={"Origin": "https://example.org"})
    assert (first.status_code, first.json().keys(), first.json()["code"]) == (500, {"message", "code"}, "failed")
    assert (second.status_code, second.json()["code"]) == (500, 1010)
    for got in (first, second):
        assert {name: got.headers.get(name) for name in SAFE_HEADERS} == SAFE_HEADERS
    assert second.headers["access-control-allow-origin"] == "*"


def test_without_the_guard_they_do_not() -> None:
    with listening() as (host, port):
        got = httpx.get(f"http://{host}:{port}/")
    assert set(SAFE_HEADERS).isdisjoint(got.headers)


def test_the_documentation_may_show_its_own_style_and_nothing_else(in_process: InProcessServer) -> None:
    got = in_process.client.get("/docs")
    style = got.text.partition("<style>")[2].partition("</style>")[0]
    digest = b64encode(sha256(style.encode()).digest()).decode()
    policy = got.headers["content-security-policy"]
    assert {"default-src 'none'", f"style-src 'sha256-{digest}'", "frame-ancestors 'none'"} < set(policy.split("; "))
    assert "<script" not in got.text


def test_a_download_is_a_file_to_keep(in_process: InProcessServer) -> None:
    key = in_process.upload("image", "png", some_picture())
    got = httpx.get(in_process.url + in_process.context.links.download(key, lifetime_s=60).url)
    assert got.content == some_picture()
    assert got.headers["content-disposition"] == f'attachment; filename="{key.rpartition("/")[2]}"'
    assert got.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["referrer-policy"] == "no-referrer"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, Path]]:
    """Addresses of our file answer and of starlette's, and the file."""
    path = tmp_path_factory.mktemp("files") / "a.bin"
    path.write_bytes(CONTENT)

    async def ours(scope, receive, send):  # type: ignore[no-untyped-def]
        await Download(path)(scope, receive, send)

    async def theirs(scope, receive, send):  # type: ignore[no-untyped-def]
        await FileResponse(path)(scope, receive, send)

    with listening(ours) as here, listening(theirs) as there:
        yield f"http://{here[0]}:{here[1]}/", f"http://{there[0]}:{there[1]}/", path


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("bytes=0-", CONTENT),
        ("bytes=5-7", CONTENT[5:8]),
        ("bytes=1000-9999", CONTENT[1000:]),
        ("bytes=-3", CONTENT[-3:]),
        ("bytes=-99999", CONTENT),
    ],
)
def test_one_part_is_given(files: tuple[str, str, Path], wanted: str, expected: bytes) -> None:
    for url in files[:2]:
        got = httpx.get(url, headers={"Range": wanted})
        assert (got.status_code, got.content) == (206, expected)


@pytest.mark.parametrize(
    ("wanted", "theirs"),
    [
        ("bytes=0-1,4-5", 206),
        ("bytes=" + ",".join(f"{2 * n}-{2 * n}" for n in range(90)), 206),
        ("bytes=0-,0-,0-", 206),
        ("bytes=7-5", 400),
        ("lines=1-2", 400),
        ("bytes=a-b", 400),
        ("bytes", 400),
        ("bytes=" + "9" * 5000 + "-", 400),
    ],
)
def test_whatever_else_is_asked_for_the_whole_is_given(files: tuple[str, str, Path], wanted: str, theirs: int) -> None:
    ours, twin, _ = files
    got = httpx.get(ours, headers={"Range": wanted})
    assert (got.status_code, got.content) == (200, CONTENT)
    assert httpx.get(twin, headers={"Range": wanted}).status_code == theirs


@pytest.mark.parametrize("wanted", ["bytes=1024-", "bytes=999999999-", "bytes=-0"])
def test_what_lies_behind_the_end(files: tuple[str, str, Path], wanted: str) -> None:
    ours, twin, _ = files
    got = httpx.get(ours, headers={"Range": wanted})
    assert (got.status_code, got.headers["content-range"]) == (416, "bytes */1024")
    assert got.json() == {"message": "The file has 1024 bytes.", "code": "invalid_request"}
    assert httpx.get(twin, headers={"Range": wanted}).headers["content-type"].startswith("text/plain")


def test_a_file_that_went_away(tmp_path: Path) -> None:
    async def gone(scope, receive, send):  # type: ignore[no-untyped-def]
        await Download(tmp_path / "gone.bin")(scope, receive, send)

    with listening(gone) as (host, port), closing(httpx.Client(base_url=f"http://{host}:{port}")) as client:
        for got in (client.get("/"), client.get("/", headers={"Range": "bytes=0-"})):
            assert (got.status_code, got.json()["code"]) == (404, "not_stored")


def test_other_hosts_are_not_ours() -> None:
    ours = own_hosts(("Video.example.org", "other:8000"), None)
    with (
        listening(AllowedHosts(echo, allowed=ours, free=("/healthz",), refuse=misdirected)) as where,
        listening(AllowedHosts(echo, allowed=own_hosts(("*",), None), free=(), refuse=misdirected)) as anything,
    ):
        hosts = ("video.example.org", "VIDEO.example.org:443", "other:8000", "localhost", "127.0.0.1:80", "[::1]:80")
        assert {asked_for(where, host) for host in hosts} == {200}
        strangers = ("evil.example", "video.example.org.evil.example", "other:80", "other", "10.0.0.1", "x:1@localhost")
        assert {asked_for(where, host) for host in strangers} == {421}
        assert asked_for(where, "10.0.0.1", "/healthz") == 200
        assert {asked_for(anything, host) for host in strangers} == {200}


@pytest.mark.parametrize(
    ("allowed", "public_url", "expected"),
    [
        ((), None, set()),
        ((), "https://a.example:8443/x", {"a.example:8443"}),
        (("b.example",), "https://a.example", {"b.example"}),
        (("*",), "https://a.example", set()),
        (("B.example", "*"), None, set()),
    ],
)
def test_whose_hosts_are_ours(allowed: tuple[str, ...], public_url: str | None, expected: set[str]) -> None:
    assert own_hosts(allowed, public_url) - {"localhost", "127.0.0.1", "[::1]"} == expected
