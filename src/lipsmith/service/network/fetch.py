"""Downloads from URLs of clients, and POST requests to them.

Each host name is resolved once. All its addresses are checked, and one of them is connected to, so no second resolution
can give another answer. Each redirect is checked in the same way. No proxy, cookie or credential of the environment is
used, and every wait has a limit.
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
from lipsmith.service.network.addresses import EMPTY_ALLOW_LIST, MAX_PORT, Address, AllowList, is_allowed
from lipsmith.storage.contract import Allowance
from lipsmith.storage.errors import FileTooLarge

MAX_REDIRECTS = 3
MAX_ADDRESSES = 4
"""Most addresses that are tried for one host, against names with thousands of them."""
MAX_URL_LENGTH = 8192  # signed links of storage services have up to 2,000 characters
MAX_ANSWER_BYTES = 64 * 1024
"""Part of the response to a POST that is kept."""

Resolve = Callable[[str, int], Sequence[str]]
"""(host name, port) -> addresses. Raises OSError when there are none."""

_HOST = re.compile(rb"[a-z0-9._-]+|[0-9a-f:.]+", re.ASCII)  # without the % of IPv6 zones
_REDIRECTS = (301, 302, 303, 307, 308)
_AGENT = "lipsmith"
_OUR_HEADERS = ("host", "connection", "content-length", "transfer-encoding", "accept-encoding")
"""Headers that callers cannot set."""
_PORTS = {"http": 80, "https": 443}
_OVERHEAD_BYTES = 1024 * 1024  # headers, and the framing of chunks


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """Time limits for a request to another host."""

    connect_s: float = 5.0
    """Limit for a connection to one address."""
    total_s: float = 300.0
    """Limit for everything: name resolution, redirects, and the body."""
    window_s: float = 10.0
    """Period of waiting over which the average must reach ``min_bytes_per_s``."""
    min_bytes_per_s: float = 4096.0


FETCHING = Timeouts()
POSTING = Timeouts(total_s=10.0, min_bytes_per_s=0.0)
"""Receivers of webhooks should answer within 10 s."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Response to a POST."""

    status: int
    body: bytes
    """Part that was received in time, up to MAX_ANSWER_BYTES."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """Response to any request."""

    status: int
    headers: Mapping[str, str]
    """By lower-case name; the last of repeated ones."""
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Obstacle:
    """Reason why a host cannot be requested."""

    why: str
    forbidden: bool
    """True if the host exists but is not allowed; an allow-list would change that."""
    entry: str
    """Entry of an allow-list for the host and port."""


def resolve_name(host: str, port: int) -> Sequence[str]:
    """Resolve with the system's resolver. Raises OSError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # a label of more than 63 characters
        raise OSError(str(error)) from error
    return [str(address[0]) for *_, address in found]


@cache  # reading the certificates takes 0.1 s
def trusted_authorities() -> ssl.SSLContext:
    """Return the system's certificate authorities and Mozilla's, since a bare container has none."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def check_url(url: str) -> httpx.URL:
    """Parse a URL. Its host is checked when it is requested.

    Raises InvalidUrl if it is not http or https, contains a user name or password, or is not a URL.
    """
    if len(url) > MAX_URL_LENGTH:
        raise InvalidUrl(f"The URL is longer than {MAX_URL_LENGTH} characters. Use a shorter one.")
    try:
        read = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError) as error:
        raise InvalidUrl("This is not a valid URL. Copy it again from a browser.") from error
    if read.scheme not in ("http", "https"):
        raise InvalidUrl("The URL has to start with http:// or https://.")
    if read.userinfo:
        raise InvalidUrl("The URL contains a user name or password. Use one without, such as a signed link.")
    if not _HOST.fullmatch(read.raw_host) or (read.port or 0) > MAX_PORT:
        raise InvalidUrl("The host or port of the URL is not valid. Write it like https://example.org/portrait.png.")
    return read


@dataclass(frozen=True, kw_only=True)
class Fetcher:
    """Sends requests to URLs of clients. Thread-safe."""

    allow: AllowList = EMPTY_ALLOW_LIST
    """Hosts that may be requested although they are not public."""
    fetching: Timeouts = FETCHING
    posting: Timeouts = POSTING
    resolve: Resolve = resolve_name
    sockets: httpcore.NetworkBackend = field(default_factory=httpcore.SyncBackend)
    """Connects to checked addresses."""
    authorities: ssl.SSLContext = field(default_factory=trusted_authorities)
    clock: Callable[[], float] = time.monotonic

    def fetch(self, url: str, *, max_bytes: int) -> Iterator[bytes]:
        """Download ``url`` in chunks, regardless of its content type.

        Raises, with any chunk: InvalidUrl; SourceUnreachable if the host does not exist, fails, or is not allowed,
        without a difference between these; SourceRefused if the response is not a file; FileTooLarge; SourceTooSlow.
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
        raise SourceRefused(f"The URL redirects more than {MAX_REDIRECTS} times. Use its final URL.")

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """POST ``body`` to ``url`` with ``headers``, without redirects. Return the response, whatever its status.

        Raises InvalidUrl, SourceUnreachable or SourceTooSlow.
        """
        watch = _Watch(self.posting, self.clock, max_bytes=MAX_ANSWER_BYTES + _OVERHEAD_BYTES)
        target = check_url(url)
        given = [*headers.items(), ("Content-Length", str(len(body)))]
        with _unreachable(), self._send("POST", target, given, watch, body) as response:
            return Answer(status=response.status, body=_beginning(response))

    def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, max_bytes: int
    ) -> Reply:
        """Return the complete response, whatever its status, without redirects.

        Raises InvalidUrl, SourceUnreachable, FileTooLarge and SourceTooSlow as `fetch` does.
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
            received = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
            return Reply(status=response.status, headers=received, body=bytes(kept))

    def obstacle(self, url: str) -> Obstacle | None:
        """Return the reason why the host of ``url`` cannot be requested, or None. Contacts only the resolver.

        Raises InvalidUrl.
        """
        target = check_url(url)
        host, port = target.raw_host.decode(), target.port or _PORTS[target.scheme]
        entry = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            _GuardedBackend(self, _Watch(self.posting, self.clock, max_bytes=0)).checked_addresses(host, port)
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            return Obstacle(why=str(error), forbidden=isinstance(error, _Forbidden), entry=entry)
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
    """Time and size limits of one request."""

    def __init__(self, timeouts: Timeouts, clock: Callable[[], float], *, max_bytes: int) -> None:
        self.timeouts = timeouts
        self._clock = clock
        self._end_s = clock() + timeouts.total_s
        self._allowance = Allowance(max_bytes)
        self._waited_s, self._received_bytes = 0.0, 0

    def left_s(self) -> float:
        """Return the seconds left. Raises SourceTooSlow if there are none."""
        left_s = self._end_s - self._clock()
        if left_s <= 0:
            raise SourceTooSlow(
                f"The transfer took longer than {self.timeouts.total_s:g} s. Try again or upload the file."
            )
        return left_s

    def wait(self, read: Callable[[float], bytes]) -> bytes:
        """Call ``read`` with its time limit in seconds. Raises SourceTooSlow or FileTooLarge."""
        start_s = self._clock()
        allowed_s = min(self.left_s(), self.timeouts.window_s)
        try:
            received = read(allowed_s)
        except httpcore.ReadTimeout:
            raise SourceTooSlow from None
        self._allowance.take(received)
        self._note(self._clock() - start_s, len(received))
        return received

    def _note(self, waited_s: float, received_bytes: int) -> None:
        self._waited_s += waited_s
        self._received_bytes += received_bytes
        if self._waited_s >= self.timeouts.window_s:
            if self._received_bytes < self._waited_s * self.timeouts.min_bytes_per_s:
                raise SourceTooSlow
            self._waited_s, self._received_bytes = 0.0, 0


class _Forbidden(httpcore.ConnectError):
    """The address is not allowed."""


class _GuardedBackend(httpcore.NetworkBackend):
    """Connects only to addresses that `is_allowed` accepts."""

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
        for address in self.checked_addresses(host, port)[:MAX_ADDRESSES]:
            try:
                left_s = min(self._watch.left_s(), self._watch.timeouts.connect_s)
                stream = self._fetcher.sockets.connect_tcp(str(address), port, timeout=left_s)
                return _WatchedStream(stream, self._watch)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    def checked_addresses(self, host: str, port: int) -> list[Address]:
        """Return all addresses of ``host``. Raises httpcore.ConnectError if any of them is not allowed."""
        addresses = [ip_address(text) for text in self._resolved(host, port)]
        for address in addresses:
            if not is_allowed(host.lower().removesuffix("."), address, port, self._fetcher.allow):
                raise _Forbidden(f"{host} is at {address}, port {port}, which URLs of clients may not lead to")
        return addresses

    def _resolved(self, host: str, port: int) -> Sequence[str]:
        """Resolve in a separate thread, because the resolver has no time limit."""
        answers: SimpleQueue[Sequence[str] | Exception] = SimpleQueue()

        def ask() -> None:
            try:
                answers.put(self._fetcher.resolve(host, port))
            except Exception as error:
                answers.put(error)

        Thread(target=ask, name="resolve", daemon=True).start()
        try:
            answer = answers.get(timeout=min(self._watch.left_s(), self._watch.timeouts.connect_s))
        except Empty:
            raise httpcore.ConnectTimeout(f"{host} could not be resolved in time") from None
        if isinstance(answer, Exception):
            raise httpcore.ConnectError(f"{host} could not be resolved: {answer}")
        return answer


class _WatchedStream(httpcore.NetworkStream):
    """Connection with the limits of a `_Watch`."""

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
        left_s = min(self._watch.left_s(), self._watch.timeouts.connect_s)
        return _WatchedStream(self._stream.start_tls(ssl_context, server_hostname, timeout=left_s), self._watch)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


@contextmanager
def _unreachable() -> Iterator[None]:
    """Report all network failures as one error, so that clients cannot map a private network."""
    try:
        yield
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
        raise SourceUnreachable from error


def _body(response: httpcore.Response, max_bytes: int) -> Iterator[bytes]:
    if response.status != 200:
        raise SourceRefused(f"The URL answered with status {response.status} instead of a file. Check it in a browser.")
    encodings = ",".join(_values(response, b"content-encoding")).split(",")
    if not {encoding.strip().lower() for encoding in encodings} <= {"", "identity"}:
        raise SourceRefused(
            "The URL answered with a compressed body, which was not requested. Upload the file instead."
        )
    allowance = Allowance(max_bytes)
    if any(int(length) > max_bytes for length in _values(response, b"content-length")):
        raise FileTooLarge(f"The file is larger than the {max_bytes:,} bytes allowed here. Use a smaller one.")
    for chunk in response.iter_stream():
        allowance.take(chunk)
        yield chunk


def _next(url: httpx.URL, response: httpcore.Response) -> httpx.URL:
    """Return the target of a redirect. Raises SourceRefused if there is none, or InvalidUrl."""
    targets = _values(response, b"location")
    if not targets:
        raise SourceRefused("The URL redirects without a target. Check it in a browser.")
    try:
        return check_url(str(url.join(targets[0])))
    except httpx.InvalidURL as error:
        raise InvalidUrl("The URL redirects to an invalid URL. Check it in a browser.") from error


def _beginning(response: httpcore.Response) -> bytes:
    """Return the part of the body that is received in time. A body that ends early does not change the status."""
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
