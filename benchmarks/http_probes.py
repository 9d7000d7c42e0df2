"""Malformed and ambiguous HTTP requests, made from seeds, and checks of the answers."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

POST = b"POST /v1/face-detection HTTP/1.1\r\nHost: here\r\n"
GET = b"GET /healthz HTTP/1.1\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
NEXT = b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n"
"""Request that a smuggler hides in a body."""

AMBIGUOUS: Mapping[str, bytes] = {
    "length and chunks": POST + b"Content-Length: 2\r\n" + CHUNKED + b"\r\n0\r\n\r\n",
    "chunks and length": POST + CHUNKED + b"Content-Length: 2\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "one length twice": POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "lengths in a list": POST + b"Content-Length: 2, 2\r\n\r\n{}",
    "length with a sign": POST + b"Content-Length: +2\r\n\r\n{}",
    "negative length": POST + b"Content-Length: -1\r\n\r\n{}",
    "hexadecimal length": POST + b"Content-Length: 0x2\r\n\r\n{}",
    "endless length": POST + b"Content-Length: 99999999999999999999999\r\n\r\n{}",
    "empty length": POST + b"Content-Length: \r\n\r\n",
    "coding after chunks": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "coding before chunks": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "two codings": POST + b"Transfer-Encoding: identity\r\n" + CHUNKED + b"\r\n0\r\n\r\n",
    "chunks twice": POST + CHUNKED + CHUNKED + b"\r\n0\r\n\r\n",
    "almost chunked": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "quoted chunked": POST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
    "chunked behind a tab": POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "no coding": POST + b"Transfer-Encoding: \r\nContent-Length: 2\r\n\r\n{}",
    "chunks in HTTP/1.0": b"POST /v1/face-detection HTTP/1.0\r\n" + CHUNKED + b"\r\n0\r\n\r\n",
    "no number of a chunk": POST + CHUNKED + b"\r\nzz\r\n{}\r\n0\r\n\r\n",
    "chunk with 0x": POST + CHUNKED + b"\r\n0x2\r\n{}\r\n0\r\n\r\n",
    "negative chunk": POST + CHUNKED + b"\r\n-2\r\n{}\r\n0\r\n\r\n",
    "chunk with a space": POST + CHUNKED + b"\r\n2 \r\n{}\r\n0\r\n\r\n",
    "endless chunk": POST + CHUNKED + b"\r\n10000000000000002\r\n{}\r\n0\r\n\r\n",
    "chunk that is longer": POST + CHUNKED + b"\r\n2\r\n{}x\r\n0\r\n\r\n",
    "chunk without an end": POST + CHUNKED + b"\r\n2\r\n{}0\r\n\r\n",
    "chunk after a bare line feed": POST + CHUNKED + b"\r\n2\n{}\n0\n\n",
    "line feed within an extension": POST + CHUNKED + b"\r\n2;a\nb\r\n{}\r\n0\r\n\r\n",
    "length in a trailer": POST + CHUNKED + b"\r\n0\r\nContent-Length: 5\r\n\r\n",
    "space before a colon": POST + b"Content-Length : 2\r\n\r\n{}",
    "folded header": POST + b"X-Folded: a\r\n b\r\n\r\n",
    "folded length": POST + b"Content-Length:\r\n 2\r\n\r\n{}",
    "folded first header": b"POST /v1/face-detection HTTP/1.1\r\n folded: yes\r\nHost: here\r\n\r\n",
    "header without a colon": POST + b"Xabc\r\n\r\n",
    "header without a name": POST + b": a\r\n\r\n",
    "NUL in a value": POST + b"X-Bad: a\x00b\r\n\r\n",
    "NUL in a name": POST + b"X\x00: a\r\n\r\n",
    "control character in a value": POST + b"X-Bad: a\x01b\r\n\r\n",
    "bare line feeds": POST.replace(b"\r\n", b"\n") + b"\n",
    "one bare line feed": POST + b"X: a\nContent-Length: 2\r\n\r\n{}",
    "bare carriage return": POST + b"X: a\rContent-Length: 2\r\n\r\n{}",
    "two hosts": GET + b"Host: here\r\nHost: there\r\n\r\n",
    "two hosts in one": GET + b"Host: here, there\r\n\r\n",
    "host with a path": GET + b"Host: here/there\r\n\r\n",
    "host with a user": GET + b"Host: a@here\r\n\r\n",
    "no host": GET + b"\r\n",
    "address with a host": b"GET http://there/healthz HTTP/1.1\r\nHost: here\r\n\r\n",
    "HTTP/0.9": b"GET /healthz\r\n\r\n",
    "HTTP/1.9": b"GET /healthz HTTP/1.9\r\nHost: here\r\n\r\n",
    "HTTP/2.0": b"GET /healthz HTTP/2.0\r\nHost: here\r\n\r\n",
    "HTTP/2's beginning": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "space before the method": b" GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n",
    "tabs in the first line": b"GET\t/healthz\tHTTP/1.1\r\nHost: here\r\n\r\n",
    "space in the address": b"GET /health z HTTP/1.1\r\nHost: here\r\n\r\n",
    "unknown method": b"STEAL /healthz HTTP/1.1\r\nHost: here\r\n\r\n",
    "a tunnel": b"CONNECT there:80 HTTP/1.1\r\nHost: here\r\n\r\n" + NEXT,
    "upgrade with a body": POST + b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n{}" + NEXT,
    "upgrade with chunks": POST + b"Connection: upgrade\r\nUpgrade: h2c\r\n" + CHUNKED + b"\r\n0\r\n\r\n" + NEXT,
}
"""Requests that two parsers may read differently. Each must be refused, and the connection closed."""

ODD_TOKENS = (
    *(b"\r\n", b"\n", b"\r", b"\x00", b"\t", b" ", b":", b";", b",", b"%00", b"%2e%2e%2f", b"//", b"..", b"\xff"),
    *(b"Content-Length: 0\r\n", b"Content-Length: 5\r\n", CHUNKED, b"Expect: 100-continue\r\n"),
    *(b"Connection: close\r\n", b"0\r\n\r\n", b"ffffffff\r\n", b"HTTP/1.0", b"\\u0000", b"1e999", b"9" * 5000),
    *(b"{", b"[", b'"', b"\xe2\x80\xae"),
)
ODD_JSON = (
    *("null", "true", "[]", "{}", '""', '" "', "-1", "1e999", "NaN", "9" * 400, "9" * 5000, "0.1", "00", '"\\ud800"'),
    *('"\\u0000"', '"\\u202e"', '"a\x01b"', '"https://[::1"', '"file:///etc/passwd"', '"api-assets/../../secret"'),
    *('"' + "a" * 20_000 + '"', "[" * 40 + "]" * 40, '{"a": {"a": {}}}', "[null]", '"//x?videoId=%00"'),
)
API = (
    *("POST /v1/files/upload-urls", "POST /v1/ai-talking-photo", "POST /v1/lip-sync", "POST /v1/face-detection"),
    *(
        "GET /v1/account",
        "GET /v1/video-projects/{id}",
        "DELETE /v1/video-projects/{id}",
        "GET /v1/face-detection/{id}",
    ),
    *("GET /healthz", "GET /readyz", "GET /docs", "GET /openapi.json", "GET /files/api-assets/{id}/a.png"),
    *(
        "PUT /files/api-assets/{id}/a.png",
        "GET /nowhere",
        "GET /files/..%2f..%2fsecret",
        *("POST /api/open/v3/getToken", "POST /api/open/v3/content/video/createbytalkingphoto"),
        *(
            "POST /api/open/v3/content/video/lipsync",
            "GET /api/open/v3/content/video/infobymodelid?video_model_id={id}",
        ),
        *(
            "POST /api/open/v3/faceswap/result/delbyids",
            "GET /api/open/v3/faceswap/quota/info",
            "POST /api/open/v3/upload",
        ),
        "GET /v1/account/%00",
        "GET /",
    ),
)
METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH")
BODIES: Sequence[object] = (
    {"items": [{"type": "image", "extension": "png"}, {"type": "audio", "extension": "wav"}]},
    {
        "assets": {"image_file_path": "api-assets/a/b.png", "audio_file_path": "https://example.org/a.wav"},
        "start_seconds": 0,
        "end_seconds": 1.5,
        "name": "A name",
        "max_resolution": 512,
        "resolution": "480p",
        "style": {"generation_mode": "expressive", "prompt": "Smile.", "intensity": 1.5},
    },
    {
        "assets": {"video_source": "file", "video_file_path": "https://example.org/a.mp4", "audio_file_path": "b.wav"},
        "start_seconds": 0,
        "end_seconds": 1.5,
        "style": {"generation_mode": "lite"},
        "max_fps_limit": 12,
    },
    {"assets": {"target_file_path": "api-assets/a/b.png"}, "confidence_score": 0.5},
    {"talking_photo_url": "https://example.org/a.png", "audio_url": "https://example.org/a.wav", "resolution": 720},
    {"video_url": "https://example.org/a.mp4", "audio_url": "https://example.org/a.wav", "webhookUrl": ""},
    {"clientId": "a", "clientSecret": "b"},
    {"ids": "a,b"},
)
"""Bodies of the first routes of `API`, in their order; the rest for those of the second dialect."""
QUERIES = ("a=b", "signature=x&expires=1", "expires=" + "9" * 5000, "%00=%ff", "=&=&", "a[]=1", "limit=-1&expires=é")
HEADERS: Mapping[str, Sequence[str]] = {
    "Idempotency-Key": ("a", "b", "a" * 256, "é", "", " "),
    "Range": ("bytes=0-", "bytes=5-1", "bytes=-0", "bytes=0-1,2-3", "bytes=" + "9" * 5000 + "-", "lines=1-2"),
    "Content-Type": ("text/plain", "application/json; charset=utf-16", "x", "multipart/form-data"),
    "X-Forwarded-For": ("127.0.0.1", "a" * 500, "é", "[::1"),
    "X-Forwarded-Proto": ("https", "javascript", "é"),
    "Expect": ("100-continue", "x"),
}


SHAPES = ({"message"}, {"message", "code"}, {"code", "msg"}, {"code", "msg", "data"})
"""Fields of refusals: the first dialect's, with and without a code, and the second's."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Answer of the server."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def generated(seed: int, count: int, keys: Sequence[str], ids: Sequence[str] = ("none",)) -> Iterator[bytes]:
    """Generate ``count`` requests: well-formed ones with odd content, and every third with bytes of it changed.

    ``keys`` are API keys, valid or not; ``ids`` are ids to request.
    """
    chance = random.Random(seed)
    for number in range(count):
        whole = _request(chance, keys, ids)
        yield _bent(chance, whole) if number % 3 == 2 else whole


def _request(chance: random.Random, keys: Sequence[str], ids: Sequence[str]) -> bytes:
    number = chance.randrange(2 * len(API)) % len(API)
    method, path = API[number].replace("{id}", chance.choice([*ids, *ids, "none", "%ff", "a" * 300])).split(" ")
    if chance.random() < 0.1:
        method = chance.choice(METHODS)
    if chance.random() < 0.2:
        path += ("&" if "?" in path else "?") + chance.choice(QUERIES)
    body = _body(chance, number) if method == "POST" or chance.random() < 0.1 else b""
    lines = [f"{method} {path} HTTP/1.1", "Host: here"]
    if chance.random() < 0.9:
        kind = "Bearer" if chance.random() < 0.9 else chance.choice(("bearer", "Basic", ""))
        lines.append(f"Authorization: {kind} {chance.choice(keys)}")
    lines += [f"{name}: {chance.choice(values)}" for name, values in HEADERS.items() if chance.random() < 0.1]
    head = "\r\n".join(lines).encode("latin-1")
    if body and chance.random() < 0.2:
        cut = chance.randrange(len(body) + 1)
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:cut], body[cut:]) if part)
        return head + b"\r\n" + CHUNKED + b"\r\n" + chunks + b"0\r\n\r\n"
    return head + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def _body(chance: random.Random, number: int) -> bytes:
    fits = number < 4 and chance.random() < 0.9
    text = json.dumps(BODIES[number] if fits else chance.choice(BODIES))
    for _ in range(chance.randrange(3)):
        parts = text.split(", ")
        at = chance.randrange(len(parts))
        name, colon, _ = parts[at].partition(": ")
        parts[at] = f"{name}{colon}{chance.choice(ODD_JSON)}" if colon else chance.choice(ODD_JSON)
        text = ", ".join(parts)
    return text.encode("utf-8", "surrogatepass")


def _bent(chance: random.Random, whole: bytes) -> bytes:
    bent = bytearray(whole)
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(bent) + 1)
        match chance.randrange(4):
            case 0:
                bent[at:at] = chance.choice(ODD_TOKENS)
            case 1:
                del bent[at : at + chance.randrange(1, 20)]
            case 2:
                bent[at : at + 1] = bytes([chance.randrange(256)])
            case _:
                bent[at:at] = bent[at : at + chance.randrange(1, 60)]
    return bytes(bent)


def fault(answer: Answer) -> str | None:
    """Return the fault of an answer to any request; None if it is correct."""
    text = answer.body.decode("utf-8", "replace")
    if answer.status >= 500:
        return f"status {answer.status}: {text[:200]}"
    if any(sign in text for sign in ("Traceback", 'File "/', "sqlalchemy", "pydantic.dev", "site-packages")):
        return f"reveals internals: {text[:200]}"
    if answer.status >= 400 and answer.body:
        try:
            reported = json.loads(text)
        except ValueError:
            return f"status {answer.status} without JSON: {text[:200]}"
        if (
            not isinstance(reported, dict)
            or set(reported) not in SHAPES
            or not isinstance(reported.get("message", ""), str)
        ):
            return f"status {answer.status} in another shape: {text[:200]}"
    return None


async def exchange(reader: asyncio.StreamReader, *, head_only: bool = False) -> Answer:
    """Return the next answer. Raises EOFError with the received bytes if the connection ends before it."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip().split("\r\n")
    status = int(first.split(" ")[1])
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    if status == 100:
        return await exchange(reader, head_only=head_only)
    length = 0 if head_only or status in (204, 304) else int(headers["content-length"])
    return Answer(status=status, headers=headers, body=await reader.readexactly(length))
