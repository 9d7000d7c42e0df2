"""From start to stop: one server with everything in it."""

from __future__ import annotations

import resource
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

import structlog
import uvicorn

from lipsmith.errors import InvalidOption
from lipsmith.server.app import application
from lipsmith.server.connection_limits import ConnectionLimits
from lipsmith.server.context import Context, Runner
from lipsmith.server.lock import exclusive
from lipsmith.server.logs import configure
from lipsmith.server.memory import limit_memory
from lipsmith.server.protocol import Timeouts, strict
from lipsmith.server.settings import Settings
from lipsmith.service.jobs.heartbeat import requeue_stalled

log = structlog.get_logger("lipsmith.server")

BACKLOG = 2048
"""Connections that may wait to be accepted."""
ACCEPTED_AT_ONCE = 32
"""Connections taken in before those that are there have their turn: thousands that come at once keep nobody waiting."""
ALL_ADDRESSES: Mapping[str, tuple[str, str]] = {
    "0.0.0.0": ("192.0.2.1", "127.0.0.1"),
    "::": ("2001:db8::1", "::1"),
}
"""Hosts that stand for all addresses of the machine: each with one far away, which is never asked anything, and the
machine's own where it has no network."""
SET_PUBLIC_URL = "Set LIPSMITH_PUBLIC_URL to the address under which receivers of webhooks reach the server."
OWN_FILES = 256
"""Open ones of the server itself: database, logs, threads that talk to rendering processes."""


@limit_memory()
def serve(settings: Settings, environment: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Serves until a signal asks to stop. ``say`` shows the first account's key, once."""
    configure(settings.log_level)
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with exclusive(settings.data_dir):
        context = Context(settings)
        try:
            context.prepare()
            with _listening(settings) as sock:  # before the key is shown, which happens once
                _show_first_key(context, say)
                context.address = _address(sock)
                with _working(context, environment):
                    server = _Server(_http(context))
                    log.info("serving", address=context.address)
                    if sock.getsockname()[0] in ALL_ADDRESSES and _guesses_links(settings):
                        say(f"Links in webhooks will lead to {context.address}, which is a guess. {SET_PUBLIC_URL}")
                    say(f"lipsmith serves at {context.address}")
                    server.run(sockets=[sock])
        finally:
            context.close()
    log.info("stopped")


@limit_memory()
def work(settings: Settings, environment: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Renders for a server elsewhere until a signal asks to stop. Raises InvalidOption without a shared database."""
    if settings.workers == 0:
        raise InvalidOption("A worker that renders 0 videos at once does nothing. Say --workers 1 or more.")
    if settings.database_url is None:
        raise InvalidOption("A worker needs the database it shares with the server: --database postgresql://host/name.")
    configure(settings.log_level)
    context = Context(settings)
    if context.database.is_sqlite:
        raise InvalidOption("A SQLite file belongs to one server. Give that server more --workers, or use PostgreSQL.")
    stopped = threading.Event()
    before = {s: signal.signal(s, lambda signum, frame: stopped.set()) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        context.prepare()
        worker = Runner(context, environment)
        worker.start()
        if _guesses_links(settings):
            say(f"Links in webhooks will lead to {context.address}. {SET_PUBLIC_URL}")
        say(f"lipsmith renders as {worker.name}")
        stopped.wait()
        worker.drain(settings.drain_s)
    finally:
        context.close()
        for signum, handler in before.items():
            signal.signal(signum, handler)
    log.info("stopped")


def _http(context: Context) -> uvicorn.Config:
    settings = context.settings
    patience = Timeouts(
        head_s=settings.head_timeout_s, stall_s=settings.stall_timeout_s, bytes_per_s=settings.min_bytes_per_s
    )
    return uvicorn.Config(
        application(context),
        http=strict(patience, connection_limits(settings)),
        ws="none",
        log_config=None,
        access_log=False,
        backlog=ACCEPTED_AT_ONCE,
        lifespan="off",
        timeout_graceful_shutdown=3,
        server_header=False,
    )


def connection_limits(settings: Settings) -> ConnectionLimits:
    """As many connections as were decided, or as files may be open here: an upload needs one for each end."""
    wanted = 2 * settings.max_connections + OWN_FILES
    allowed = _open_files(wanted)
    most = min(settings.max_connections, max(1, (allowed - OWN_FILES) // 2))
    if most < settings.max_connections:
        log.warning("fewer connections than wished", connections=most, open_files=allowed)
    return ConnectionLimits(most=most, most_per_address=settings.max_connections_per_address)


def _open_files(wanted: int) -> int:
    """How many of the ``wanted`` this process may have, after its limit was raised as far as that goes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    raised = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
    return raised


class _Server(uvicorn.Server):
    """Stops at a signal, and keeps the signal to itself: being asked to stop is no failure."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for sock in sockets or ():
            sock.listen(BACKLOG)  # asyncio has but one number for how many wait and how many it accepts at once

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        def stop(signum: int, frame: FrameType | None) -> None:
            self.handle_exit(signum, frame)

        before = {signum: signal.signal(signum, stop) for signum in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for signum, handler in before.items():
                signal.signal(signum, handler)


def _show_first_key(context: Context, say: Callable[[str], None]) -> None:
    if context.accounts.all():
        return
    made = context.accounts.create("business")
    say(f"A first account was made: {made.account.id}")
    say(f"Its API key, which is shown only now: {made.api_key}")


@contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # asyncio sends small packets at once only where the protocol is named; otherwise each answer waits for 40 ms.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((settings.host, settings.port))
        except OSError as error:
            raise InvalidOption(
                f"{settings.host}:{settings.port} cannot be listened on: {error.strerror}. Choose another --port."
            ) from error
        sock.listen(BACKLOG)
        yield sock


def _address(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    if host in ALL_ADDRESSES:
        host = _seen_by_others(sock.family, *ALL_ADDRESSES[host])
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _seen_by_others(family: int, far: str, own: str) -> str:
    """This machine's address on the way to ``far``; ``own`` where there is none."""
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((far, 9))  # sends nothing
        except OSError:
            return own
        return str(probe.getsockname()[0])


def _guesses_links(settings: Settings) -> bool:
    """Whether nobody has said where the links in webhooks have to lead; those of requests lead back to the caller."""
    return settings.public_url is None and settings.s3_bucket is None


@contextmanager
def _working(context: Context, environment: Mapping[str, str]) -> Iterator[None]:
    """Around the serving: webhooks, sweeping and rendering, as far as this process does them."""
    if context.database.is_sqlite:
        context.workers.forget_all()
        requeue_stalled(context.database, context.workers, context.queue)
    worker = Runner(context, environment) if context.settings.workers else None
    if worker:
        worker.start()
    context.sender.start()
    context.sweeper.start()
    try:
        yield
    finally:
        if worker:
            worker.drain(context.settings.drain_s)
        context.sweeper.stop()
        context.sender.stop()
