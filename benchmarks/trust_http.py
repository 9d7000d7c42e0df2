"""Hostile HTTP in figures: odd requests by the thousand, many connections, many uploads at once.

A real `lipsmith serve` on loopback, without runners, gets raw requests from other processes.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import random
import re
import select
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from itertools import cycle, product
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx
import numpy as np

from benchmarks import http_probes
from benchmarks.bars import Bar
from benchmarks.server import Served, memory_mb, serving
from benchmarks.trust import Found

HALF_OPEN = 2000
OTHER_ADDRESSES = tuple(f"127.0.0.{n}" for n in range(2, 6))
"""Number of addresses that keeps each below the limit of connections per address."""
GONE_S = 15.0
REQUESTED_PER_S = 50
UPLOADS, UPLOAD_BYTES = 1000, 1_000_000
TIMED = 500
"""Requests of each kind whose times are compared."""
HOSTILE_BYTES, HOSTILE_S = 1_000_000, 6.0
GENERATED = {False: 2_000, True: 100_000}
DESCRIBED = {False: 0, True: 8_000}
"""Requests of these made by schemathesis from the API's description."""
SHORT = {"LIPSMITH_HEAD_TIMEOUT_S": "0.5", "LIPSMITH_STALL_TIMEOUT_S": "0.5", "LIPSMITH_LOG_LEVEL": "warning"}
"""Time-out in short runs: half of the malformed requests never end."""
CONNECTIONS = 48
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
BARS = (
    Bar("faults", 0.0, 0.0, "generated requests answered with 5xx, a traceback or another shape, or logged as a fault"),
    Bar("ambiguous_taken", 0.0, 0.0, f"{len(http_probes.AMBIGUOUS)} requests that can be read in two ways: taken"),
    Bar("half_open_p99_ms", 0.0, 100.0, f"/healthz time_health_during {HALF_OPEN:,} half-open connections, p99, ms"),
    Bar("half_open_left", 0.0, 0.0, f"of these, still open after {GONE_S:g} s"),
    Bar("same_address_p99_ms", 0.0, 100.0, "/healthz, where all of them come from the address that asks, p99, ms"),
    Bar(
        "hostile_json_p99_ms",
        0.0,
        100.0,
        "/healthz time_health_during 1 MB of hostile JSON after another, no key, p99, ms",
    ),
    Bar("hostile_json_known_p99_ms", 0.0, 100.0, "the same from somebody with a key, p99, ms"),
    Bar("forbidden_gap_ms", 0.0, 0.5, "another account's project and one that nobody has: medians apart, ms"),
    Bar("upload_errors", 0.0, 0.0, f"{UPLOADS:,} uploads of 1 MB at once: errors"),
    Bar("upload_peak_mb", 0.0, 300.0, "the same: the most memory the server had, MB"),
)


def measure(folder: Path, *, long: bool) -> Found:
    """Measure all; ``long`` sends a hundred thousand requests instead of two thousand."""
    values: dict[str, float] = {}
    notes: list[str] = []
    with serving(folder / "generated", "--concurrency", "0", environment=SHORT) as server:
        values["ambiguous_taken"] = len(taken(server))
        faults, answers = generated_faults(server, GENERATED[long] - DESCRIBED[long], seed=1)
        if DESCRIBED[long]:
            more, described = described_faults(server, DESCRIBED[long])
            faults, answers = faults + more, answers + described
        logged = server.log.read_text()
        values["faults"] = len(faults) + logged.count("\n")
        counts = ", ".join(f"{status}: {n:,}" for status, n in sorted(answers.items()))
        notes += [f"Answers by status (0: closed without one): {counts}.", *sorted(set(faults))[:5]]
    with serving(folder / "half-open", "--concurrency", "0") as server:
        values["forbidden_gap_ms"] = forbidden_gap_ms(server, folder / "half-open")
        took, left, gone_s = time_health_during(server, hold_half_open, OTHER_ADDRESSES)
        values |= {"half_open_p99_ms": p99_ms(took), "half_open_left": left}
        notes.append(f"The last of the half-open connections was gone after {gone_s:.1f} s.")
        took, _, _ = time_health_during(server, hold_half_open, ("127.0.0.1",))
        values["same_address_p99_ms"] = p99_ms(took)
        for name, who in (("hostile_json", "nobody"), ("hostile_json_known", server.key)):
            took, refused, slowest_s = time_health_during(server, send_hostile_json, (who,))
            values[f"{name}_p99_ms"] = p99_ms(took)
            notes.append(f"{name}: {refused} times a megabyte refused, each within {slowest_s:.2f} s.")
    with serving(folder / "uploads", "--concurrency", "0") as server:
        values["upload_errors"] = in_another_process(upload_all, server.url, tuple(upload_links(server)))
        values["upload_peak_mb"] = memory_mb(server.pid, "VmHWM")
    size = f"{GENERATED[long]:,} requests, {HALF_OPEN:,} half-open connections, {UPLOADS:,} uploads"
    return Found(values=values, size=f"{size}, load of the minute before {os.getloadavg()[0]:.1f}", notes=notes)


def p99_ms(took_s: Sequence[float]) -> float:
    return 1000 * float(np.percentile(took_s, 99))


def place(url: str) -> tuple[str, int]:
    """Return host and port."""
    parts = urlsplit(url)
    return str(parts.hostname), int(parts.port or 80)


def taken(server: Running, probes: Mapping[str, bytes] = http_probes.AMBIGUOUS) -> dict[str, bytes]:
    """Return those of the ``probes`` that were not refused at once, with the answers."""
    got = {name: spoken(place(server.url), probe) for name, probe in probes.items()}
    return {name: said for name, said in got.items() if not refused_once(said)}


def refused_once(said: bytes) -> bool:
    """Check for one refusal, and no other answer."""
    return re.findall(rb"HTTP/1\.1 (\d+) ", said) == [b"400"]


def spoken(where: tuple[str, int], sent: bytes, *, timeout_s: float = 15.0) -> bytes:
    """Return all that the other side sends until it closes, resets or, after its first bytes, pauses ``timeout_s``."""
    said = b""
    with socket.create_connection(where, timeout=60) as connection:
        try:
            connection.sendall(sent)
            while block := connection.recv(65536):
                said += block
                connection.settimeout(timeout_s)
        except (ConnectionResetError, BrokenPipeError, TimeoutError):
            pass
    return said


def generated_faults(server: Running, count: int, seed: int) -> tuple[list[str], Counter[int]]:
    """Send ``count`` generated requests, several at once; return faults, and answers by status."""
    keys = (server.key, server.key, "mhk_live_" + "a" * 36, "", "é" * 10, "a" * 5000)
    ids = created(server)
    requests = http_probes.generated(seed, count, keys, ids)
    return ask_all(place(server.url), requests)


def created(server: Running) -> list[str]:
    """Create a face detection to request."""
    with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {server.key}"}, timeout=60) as client:
        body = {"items": [{"type": "image", "extension": "png"}]}
        [item] = client.post("/v1/files/upload-urls", json=body).json()["items"]
        httpx.put(item["upload_url"], content=b"no picture").raise_for_status()
        order = {"assets": {"target_file_path": item["file_path"]}}
        return [str(client.post("/v1/face-detection", json=order).json()["id"])]


def ask_all(
    where: tuple[str, int], requests: Iterator[bytes], timeout_s: float = 30.0
) -> tuple[list[str], Counter[int]]:
    """Send `http_probes.generated` requests on `CONNECTIONS` at once; return faults, and answers by status.

    A request without an answer after ``timeout_s`` counts as unanswered; the server is expected to end it before.
    """
    faults: list[str] = []
    answers: Counter[int] = Counter()
    left = enumerate(requests)

    async def caller() -> None:
        connection: Connection | None = None
        for number, request in left:
            connection, answer = await _answered(where, connection, request, timeout_s)
            bent = number % 3 == 2
            wrong = http_probes.fault(answer) if answer else None if bent else "closed without an answer"
            answers[answer.status if answer else 0] += 1
            if wrong:
                faults.append(f"{wrong} to {request[:300]!r}")
            if bent or answer is None or answer.headers.get("connection") == "close":
                connection[1].close()
                connection = None
        if connection is not None:
            connection[1].close()

    async def callers() -> None:
        await asyncio.gather(*[caller() for _ in range(CONNECTIONS)])

    asyncio.run(callers())
    return faults, answers


async def _answered(
    where: tuple[str, int], connection: Connection | None, request: bytes, timeout_s: float
) -> tuple[Connection, http_probes.Answer | None]:
    """Return the answer and its connection; repeat once if a kept connection was closed meanwhile."""
    if connection is not None:
        answer = await _ask(connection, request, timeout_s)
        if answer is not None:
            return connection, answer
        connection[1].close()
    fresh = await asyncio.open_connection(*where)
    return fresh, await _ask(fresh, request, timeout_s)


async def _ask(connection: Connection, request: bytes, timeout_s: float) -> http_probes.Answer | None:
    reader, writer = connection
    try:
        writer.write(request)
        head_only = request.lstrip(b"\r\n").startswith(b"HEAD ")
        return await asyncio.wait_for(http_probes.exchange(reader, head_only=head_only), timeout=timeout_s)
    except (EOFError, ConnectionError, TimeoutError):
        return None


def described_faults(server: Running, count: int) -> tuple[list[str], Counter[int]]:
    """Send requests that the API's description allows, and others that it does not, half each."""
    if importlib.util.find_spec("schemathesis") is None:
        raise RuntimeError("schemathesis makes these requests: pip install schemathesis")
    import schemathesis
    from hypothesis import HealthCheck, Phase, given, settings

    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations()]
    faults: list[str] = []
    answers: Counter[int] = Counter()
    headers = {"Authorization": f"Bearer {server.key}"}
    for operation in operations:
        for mode in schemathesis.GenerationMode:
            cases = operation.as_strategy(generation_mode=mode)

            @settings(
                max_examples=count // (len(operations) * 2),
                deadline=None,
                derandomize=True,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=cases)
            def check(case: schemathesis.Case) -> None:
                got = case.call(headers=headers)
                answers[got.status_code] += 1
                wrong = http_probes.fault(http_probes.Answer(status=got.status_code, headers={}, body=got.content))
                if wrong:
                    faults.append(f"{wrong} to {case.method} {case.path}")

            check()
    return faults, answers


class Running(Protocol):
    """Running server."""

    url: str
    key: str


def time_health_during(
    server: Running, work: Callable[..., tuple[int, float]], what: Sequence[str], **more: Any
) -> tuple[list[float], int, float]:
    """Time each ``/healthz`` while ``work`` runs in another process, and return its result too."""
    took: list[float] = []
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        pool.submit(work, server.url, (), **more).result()  # the process is there, with all it needs
        working = pool.submit(work, server.url, what, **more)
        with httpx.Client(base_url=server.url, timeout=30) as client:
            client.get("/healthz").raise_for_status()
            while not working.done():
                since = time.perf_counter()
                try:
                    client.get("/healthz").raise_for_status()
                except httpx.RemoteProtocolError:  # the idle connection made room for another
                    client.get("/healthz").raise_for_status()
                took.append(time.perf_counter() - since)
                time.sleep(max(0.0, 1 / REQUESTED_PER_S - took[-1]))
    return took, *working.result()


def in_another_process(work: Callable[[str, tuple[str, ...]], int], url: str, what: tuple[str, ...]) -> int:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, url, what).result()


def hold_half_open(
    url: str, addresses: Sequence[str], *, count: int = HALF_OPEN, within_s: float = GONE_S
) -> tuple[int, float]:
    """Open connections whose requests never end; return the number at the end, and when the last one closed."""
    begun = (b"", b"G", http_probes.GET, http_probes.GET + b"Host: here\r\nX-Slow: ")
    opened: dict[int, socket.socket] = {}
    crawling: list[socket.socket] = []
    poll = select.poll()
    for n, address in zip(range(count), cycle(addresses), strict=False):
        connection = socket.socket()
        connection.bind((address, 0))
        connection.connect(place(url))
        with suppress(ConnectionError):  # it made room for others already
            connection.sendall(begun[n % len(begun)])
        opened[connection.fileno()] = connection
        if n % len(begun) == len(begun) - 1:
            crawling.append(connection)
        poll.register(connection, select.POLLIN | select.POLLHUP)
    since = last = time.monotonic()
    while opened and time.monotonic() - since < within_s:
        for number, _ in poll.poll(1000):
            if _ended(opened[number]):
                poll.unregister(number)
                opened.pop(number).close()
                last = time.monotonic()
        for connection in crawling:
            with suppress(OSError):  # it was closed
                connection.send(b"a")
    left = len(opened)
    for connection in opened.values():
        connection.close()
    return left, last - since


def _ended(connection: socket.socket) -> bool:
    try:
        return not connection.recv(65536, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def hostile_json() -> Iterator[bytes]:
    """Make bodies of a megabyte each that are hard to parse."""
    yield b"[" * HOSTILE_BYTES
    yield b'{"a":' * (HOSTILE_BYTES // 5)
    yield b"[]" * (HOSTILE_BYTES // 2)
    yield b'"' * HOSTILE_BYTES
    yield b'{"a": "' + b'\\"' * (HOSTILE_BYTES // 2 - 10) + b'"}'
    yield b'{"items": [' + b"{}," * (HOSTILE_BYTES // 3 - 10) + b"{}]}"
    yield b'{"a": ' + b"9" * (HOSTILE_BYTES - 10) + b"}"
    yield b"".join(b'"%d":1,' % n for n in range(HOSTILE_BYTES // 10)).join((b"{", b'"a":1}'))
    yield random.Random(3).randbytes(HOSTILE_BYTES)


def send_hostile_json(url: str, keys: Sequence[str]) -> tuple[int, float]:
    """Send them one after the other; return the number of refusals, and the slowest time."""
    slowest, refused = 0.0, 0
    with httpx.Client(base_url=url, timeout=60) as client:
        end = time.monotonic() + HOSTILE_S
        for body, key in cycle(product(hostile_json(), keys)):
            since = time.monotonic()
            if since > end:
                break
            answer = client.post("/v1/face-detection", content=body, headers={"Authorization": f"Bearer {key}"})
            slowest = max(slowest, time.monotonic() - since)
            refused += answer.status_code in (400, 401, 422)
    return refused, slowest


def forbidden_gap_ms(server: Served, data_dir: Path) -> float:
    """Return the gap of median times between refusals of another account's project and of a missing one."""
    command = [str(Path(sys.executable).with_name("lipsmith")), "account", "create", "--plan", "pro", "--json"]
    made = subprocess.run([*command, "--data-dir", str(data_dir)], capture_output=True, text=True, check=True)
    headers = {"Authorization": f"Bearer {json.loads(made.stdout)['api_key']}"}
    [theirs] = created(server)
    took: dict[str, list[float]] = {theirs: [], theirs[0] + "0" * (len(theirs) - 1): []}
    with httpx.Client(base_url=server.url, headers=headers, timeout=30) as client:
        for _ in range(TIMED):
            for project, times in took.items():
                since = time.perf_counter()
                status = client.get(f"/v1/face-detection/{project}").status_code
                times.append(time.perf_counter() - since)
                assert status == 404
    theirs_s, nobodys_s = (float(np.median(times)) for times in took.values())
    return 1000 * abs(theirs_s - nobodys_s)


def upload_links(server: Served) -> list[str]:
    """Request links for all uploads."""
    body = {"items": [{"type": "image", "extension": "png"}] * 100}
    links: list[str] = []
    with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {server.key}"}, timeout=60) as client:
        while len(links) < UPLOADS:
            items = client.post("/v1/files/upload-urls", json=body).json()["items"]
            links += [str(item["upload_url"]) for item in items]
    return links


def upload_all(url: str, links: tuple[str, ...]) -> int:
    """Upload to all links at once, each on its own connection; return the number of failures."""
    body = random.Random(7).randbytes(UPLOAD_BYTES)

    async def upload(link: str) -> bool:
        parts = urlsplit(link)
        reader, writer = await asyncio.open_connection(*place(url))
        head = f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: here\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        try:
            return (await http_probes.exchange(reader)).status == 200
        finally:
            writer.close()

    async def all_of_them() -> int:
        done = await asyncio.gather(*map(upload, links), return_exceptions=True)
        return sum(one is not True for one in done)

    return asyncio.run(all_of_them())
