"""Downloads from a stranger's URL, and sends to one.

The name is resolved once, every address it resolves to is judged, and one of these very addresses is dialled: there is
no second look-up that could answer differently. Each redirect goes the same way again. Nothing is taken from the
environment, nothing is sent but the request itself, and whatever keeps us waiting runs out.
"""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

import certifi
import httpcore
import httpx

from lipsmith.service.errors import InvalidUrl, SourceRefused, SourceTooSlow, SourceUnreachable
from lipsmith.service.network.addresses import MAX_PORT, NOTHING_MORE, Address, AllowList, may_be_asked
from lipsmith.storage.contract import Allowance
from lipsmith.storage.errors import FileTooLarge

MAX_REDIRECTS = 3
MAX_DIALLED = 4
"""How many addresses of one host are tried, so that no name makes us call at a thousand doors."""
MAX_URL_LENGTH = 8192  # signed links of storage services have up to 2,000 characters
MAX_ANSWER_BYTES = 64 * 1024
"""How much of the answer to a POST is kept."""

Resolve = Callable[[str, int], Sequence[str]]
"""(host name, port) -> addresses. Raises OSError when there are none."""

_HOST = re.compile(rb"[a-z0-9._-]+|[0-9a-f:.]+", re.ASCII)  # without the % of IPv6 zones
_REDIRECTS = (301, 302, 303, 307, 308)
_AGENT = "lipsmith"
_OUR_HEADERS = ("host", "connection", "content-length", "transfer-encoding", "accept-encoding")
"""What nobody else may say."""
_PORTS = {"http": 80, "https": 443}
_OVERHEAD_BYTES = 1024 * 1024  # headers, and what frames chunks of a sane size


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """How long another host may keep us waiting."""

    connect_s: float = 5.0
    """For one address of the host to answer."""
    total_s: float = 300.0
    """For everything: names, redirects, and the last byte."""
    window_s: float = 10.0
    """Each time we have waited this long for bytes, ``min_bytes_per_s`` must have come on average meanwhile."""
    min_bytes_per_s: float = 4096.0


FETCHING = Timeouts()
POSTING = Timeouts(total_s=10.0, min_bytes_per_s=0.0)
"""A receiver of webhooks is advised to answer within 10 s."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a host answered to a POST."""

    status: int
    body: bytes
    """As much as came in time, up to MAX_ANSWER_BYTES."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a host answered to any request."""

    status: int
    headers: Mapping[str, str]
    """By names in small letters; of several alike, the last."""
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Obstacle:
    """What keeps a host from being asked."""

    why: str
    forbidden: bool
    """It is found, and may not be asked; an allow-list would change that."""
    place: str
    """The host and port, as an allow-list names them."""


def ask_system(host: str, port: int) -> Sequence[str]:
    """Asks the system's resolver. Raises OSError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # a label of more than 63 characters
        raise OSError(str(error)) from error
    return [str(address[0]) for *_, address in found]


@cache  # reading the certificates takes 0.1 s
def trusted_authorities() -> ssl.SSLContext:
    """Who may vouch for a host: the system's authorities and, as a bare container has none, Mozilla's."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def check_url(url: str) -> httpx.URL:
    """The URL, read; whether its host may be asked is decided when it is.

    Raises InvalidUrl when it is not http or https, holds a user name or password, or is no URL.
    """
    if len(url) > MAX_URL_LENGTH:
        raise InvalidUrl(f"The URL is longer than {MAX_URL_LENGTH} characters. Use a shorter one.")
    try:
        read = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError) as error:
        raise InvalidUrl("This is not a URL that can be read. Copy it again from a browser.") from error
    if read.scheme not in ("http", "https"):
        raise InvalidUrl("Only URLs that begin with http:// or https:// can be used.")
    if read.userinfo:
        raise InvalidUrl("The URL holds a user name or password. Use one without, such as a signed link.")
    if not _HOST.fullmatch(read.raw_host) or (read.port or 0) > MAX_PORT:
        raise InvalidUrl(
            "The URL names no host and port that can be asked. Write it like https://example.org/portrait.png."
        )
    return read


@dataclass(frozen=True, kw_only=True)
class Fetcher:
    """Talks to hosts that strangers name. One serves all threads."""

    allow: AllowList = NOTHING_MORE
    """What may be asked although it is not public."""
    fetching: Timeouts = FETCHING
    posting: Timeouts = POSTING
    resolve: Resolve = ask_system
    sockets: httpcore.NetworkBackend = field(default_factory=httpcore.SyncBackend)
    """Dials the addresses that were found good."""
    authorities: ssl.SSLContext = field(default_factory=trusted_authorities)
    clock: Callable[[], float] = time.monotonic

    def fetch(self, url: str, *, max_bytes: int) -> Iterator[bytes]:
        """The bytes behind ``url``, as they come, whatever the host says that they are.

        Raises, with the first or any later chunk: InvalidUrl; SourceUnreachable when the host is not there, breaks off,
        or may not be asked, which look the same; SourceRefused when it answers with something else than a file;
        FileTooLarge and SourceTooSlow when it exceeds what we bear.
        """
        watch = _Watch(self.fetching, self.clock, max_bytes=2 * max_bytes + _OVERHEAD_BYTES)
        target = check_url(url)
        with _unreachable():
            for _ in range(MAX_REDIRECTS + 1):
                with self._send("GET", target, [("Accept", "*/*")], watch) as response:
                    if response.status not in _REDIRECTS:
                        yield from _body(response, max_bytes)
                        return
                    target = _next(target, response)
        raise SourceRefused(f"The URL leads on more than {MAX_REDIRECTS} times. Use the one where it ends.")

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Sends ``body`` to ``url`` with ``headers``; follows no redirect.

        Raises InvalidUrl, SourceUnreachable or SourceTooSlow when there was no answer; any status is one.
        """
        watch = _Watch(self.posting, self.clock, max_bytes=MAX_ANSWER_BYTES + _OVERHEAD_BYTES)
        target = check_url(url)
        given = [*headers.items(), ("Content-Length", str(len(body)))]
        with _unreachable(), self._send("POST", target, given, watch, body) as response:
            return Answer(status=response.status, body=_beginning(response))

    def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, max_bytes: int
    ) -> Reply:
        """What a host answers, whole, whatever its status; follows no redirect.

        Raises InvalidUrl; SourceUnreachable, FileTooLarge and SourceTooSlow as `fetch` does.
        """
        watch = _Watch(self.fetching, self.clock, max_bytes=max_bytes + _OVERHEAD_BYTES)
        target = check_url(url)
        given = [(name, value) for name, value in headers.items() if name.lower() not in _OUR_HEADERS]
        if body is not None:
            given.append(("Content-Length", str(len(body))))
        with _unreachable(), self._send(method, target, given, watch, body) as response:
            allowance, kept = Allowance(max_bytes), bytearray()
            for chunk in response.iter_stream():
                allowance.take(chunk)
                kept += chunk
            told = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
            return Reply(status=response.status, headers=told, body=bytes(kept))

    def obstacle(self, url: str) -> Obstacle | None:
        """What would keep us from asking the host of ``url``; None where it is found and may be asked. Asks nothing but
        the resolver. Raises InvalidUrl."""
        target = check_url(url)
        host, port = target.raw_host.decode(), target.port or _PORTS[target.scheme]
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            _GuardedBackend(self, _Watch(self.posting, self.clock, max_bytes=0)).judged(host, port)
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            return Obstacle(why=str(error), forbidden=isinstance(error, _Forbidden), place=place)
        return None

    @contextmanager
    def _send(
        self, method: str, url: httpx.URL, headers: list[tuple[str, str]], watch: _Watch, body: bytes | None = None
    ) -> Iterator[httpcore.Response]:
        common = [("Host", url.netloc.decode()), ("Accept-Encoding", "identity")]
        if not any(name.lower() == "user-agent" for name, _ in headers):
            common.append(("User-Agent", _AGENT))
        with (
            httpcore.ConnectionPool(
                ssl_context=self.authorities, network_backend=_GuardedBackend(self, watch), max_keepalive_connections=0
            ) as pool,
            pool.stream(
                method,
                httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=[*common, ("Connection", "close"), *headers],
                content=body,
            ) as response,
        ):
            yield response


class _Watch:
    """Looks at the clock while we wait, and counts what comes."""

    def __init__(self, patience: Timeouts, clock: Callable[[], float], *, max_bytes: int) -> None:
        self.patience = patience
        self._clock = clock
        self._end_s = clock() + patience.total_s
        self._allowance = Allowance(max_bytes)
        self._waited_s, self._came_bytes = 0.0, 0

    def left_s(self) -> float:
        """How much longer anything may take. Raises SourceTooSlow when nothing is left."""
        left_s = self._end_s - self._clock()
        if left_s <= 0:
            raise SourceTooSlow(
                f"The transfer took longer than {self.patience.total_s:g} s. Try again or upload the file."
            )
        return left_s

    def wait(self, read: Callable[[float], bytes]) -> bytes:
        """What ``read`` returns, which is given the seconds it may take. Raises SourceTooSlow or FileTooLarge."""
        began_s = self._clock()
        allowed_s = min(self.left_s(), self.patience.window_s)
        try:
            came = read(allowed_s)
        except httpcore.ReadTimeout:
            raise SourceTooSlow from None
        self._allowance.take(came)
        self._note(self._clock() - began_s, len(came))
        return came

    def _note(self, waited_s: float, came_bytes: int) -> None:
        self._waited_s += waited_s
        self._came_bytes += came_bytes
        if self._waited_s >= self.patience.window_s:
            if self._came_bytes < self._waited_s * self.patience.min_bytes_per_s:
                raise SourceTooSlow
            self._waited_s, self._came_bytes = 0.0, 0


class _Forbidden(httpcore.ConnectError):
    """An address that strangers may not name."""


class _GuardedBackend(httpcore.NetworkBackend):
    """Opens connections, but only where `may_be_asked` says yes."""

    def __init__(self, fetcher: Fetcher, watch: _Watch) -> None:
        self._fetcher, self._watch = fetcher, watch

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in self.judged(host, port)[:MAX_DIALLED]:
            try:
                left_s = min(self._watch.left_s(), self._watch.patience.connect_s)
                stream = self._fetcher.sockets.connect_tcp(str(address), port, timeout=left_s)
                return _WatchedStream(stream, self._watch)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    def judged(self, host: str, port: int) -> list[Address]:
        """All addresses of ``host``. Raises httpcore.ConnectError when only one of them may not be asked."""
        addresses = [ip_address(text) for text in self._resolved(host, port)]
        for address in addresses:
            if not may_be_asked(host.lower().removesuffix("."), address, port, self._fetcher.allow):
                raise _Forbidden(f"{host} is at {address}, port {port}, which strangers may not name")
        return addresses

    def _resolved(self, host: str, port: int) -> Sequence[str]:
        """Asks the resolver in a thread of its own, because it knows no time limit."""
        answers: SimpleQueue[Sequence[str] | Exception] = SimpleQueue()

        def ask() -> None:
            try:
                answers.put(self._fetcher.resolve(host, port))
            except Exception as error:
                answers.put(error)

        Thread(target=ask, name="resolve", daemon=True).start()
        try:
            answer = answers.get(timeout=min(self._watch.left_s(), self._watch.patience.connect_s))
        except Empty:
            raise httpcore.ConnectTimeout(f"{host} could not be resolved in time") from None
        if isinstance(answer, Exception):
            raise httpcore.ConnectError(f"{host} could not be resolved: {answer}")
        return answer


class _WatchedStream(httpcore.NetworkStream):
    """A connection whose every wait is on the watch."""

    def __init__(self, stream: httpcore.NetworkStream, watch: _Watch) -> None:
        self._stream, self._watch = stream, watch

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._watch.wait(lambda allowed_s: self._stream.read(max_bytes, timeout=allowed_s))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout=self._watch.left_s())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left_s = min(self._watch.left_s(), self._watch.patience.connect_s)
        return _WatchedStream(self._stream.start_tls(ssl_context, server_hostname, timeout=left_s), self._watch)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


@contextmanager
def _unreachable() -> Iterator[None]:
    """One answer for all that can go wrong on the way, so that nobody can map a network that is not his."""
    try:
        yield
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
        raise SourceUnreachable from error


def _body(response: httpcore.Response, max_bytes: int) -> Iterator[bytes]:
    if response.status != 200:
        raise SourceRefused(f"The URL answered with status {response.status} instead of a file. Check it in a browser.")
    packings = ",".join(_values(response, b"content-encoding")).split(",")
    if not {packing.strip().lower() for packing in packings} <= {"", "identity"}:
        raise SourceRefused(
            "The URL answered with a packed body although asked for a plain one. Upload the file instead."
        )
    allowance = Allowance(max_bytes)
    if any(int(length) > max_bytes for length in _values(response, b"content-length")):
        raise FileTooLarge(f"The file is larger than the {max_bytes:,} bytes allowed here. Use a smaller one.")
    for chunk in response.iter_stream():
        allowance.take(chunk)
        yield chunk


def _next(url: httpx.URL, response: httpcore.Response) -> httpx.URL:
    """Where a redirect leads. Raises SourceRefused when that is nowhere, or InvalidUrl."""
    places = _values(response, b"location")
    if not places:
        raise SourceRefused("The URL leads on to nowhere. Check it in a browser.")
    try:
        return check_url(str(url.join(places[0])))
    except httpx.InvalidURL as error:
        raise InvalidUrl("The URL leads on to something that cannot be read. Check it in a browser.") from error


def _beginning(response: httpcore.Response) -> bytes:
    """What comes of the body in time. The status is what counts: a body that breaks off does not undo it."""
    kept = bytearray()
    try:
        for chunk in response.iter_stream():
            kept += chunk
            if len(kept) >= MAX_ANSWER_BYTES:
                break
    except (SourceTooSlow, FileTooLarge, httpcore.NetworkError, httpcore.ProtocolError):
        pass
    return bytes(kept[:MAX_ANSWER_BYTES])


def _values(response: httpcore.Response, name: bytes) -> list[str]:
    return [value.decode("utf-8", "replace") for key, value in response.headers if key.lower() == name]
