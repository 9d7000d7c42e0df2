"""Start and stop of the processes: a server, or a runner for a server elsewhere."""

from __future__ import annotations

import os
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
from lipsmith.service.processes import sandbox
from lipsmith.synthesis.voice_store import voices_folder

log = structlog.get_logger("lipsmith.server")

BACKLOG = 2048
"""Length of the queue of connections that are not accepted yet."""
ACCEPTED_AT_ONCE = 32
"""Connections accepted in one go, so that thousands of new ones do not delay those that are open."""
ALL_ADDRESSES: Mapping[str, tuple[str, str]] = {
    "0.0.0.0": ("192.0.2.1", "127.0.0.1"),
    "::": ("2001:db8::1", "::1"),
}
"""Hosts that stand for all addresses of the machine. Each has a remote address, to find the local one that leads there
(no packet is sent), and the loopback address for a machine without a network."""
SET_PUBLIC_URL = "Set LIPSMITH_PUBLIC_URL to the address at which receivers of webhooks reach the server."
OWN_FILES = 256
"""Open files of the server itself: database, logs, pipes to child processes."""


@limit_memory()
def serve(settings: Settings, environment: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Serve until a signal asks to stop. ``say`` prints the first account's key, once."""
    os.umask(0o077)  # files are for the server's user alone
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with exclusive(settings.data_dir):
        context = Context(settings)
        _configure_logs(context)
        try:
            if settings.concurrency:
                check_sandbox(settings)
            context.prepare()
            with _listening(settings) as sock:  # before the key is printed, which happens once
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
    """Render for a server elsewhere until a signal asks to stop. Raises InvalidOption without a shared database."""
    if settings.concurrency == 0:
        raise InvalidOption("A runner with the concurrency 0 does nothing. Use --concurrency 1 or more.")
    if settings.database_url is None:
        raise InvalidOption("A runner needs the server's database. Give it with --database postgresql://host/name.")
    context = Context(settings)
    _configure_logs(context)
    if context.database.is_sqlite:
        raise InvalidOption(
            "A SQLite file belongs to one server. Raise that server's --concurrency, or use PostgreSQL."
        )
    stopped = threading.Event()
    handlers = {s: signal.signal(s, lambda signum, frame: stopped.set()) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        check_sandbox(settings)
        context.prepare()
        runner = Runner(context, environment)
        runner.start()
        if _guesses_links(settings):
            say(f"Links in webhooks will lead to {context.address}. {SET_PUBLIC_URL}")
        say(f"lipsmith renders as {runner.name}")
        stopped.wait()
        runner.drain(settings.drain_s)
    finally:
        context.close()
        for signum, handler in handlers.items():
            signal.signal(signum, handler)
    log.info("stopped")


def check_sandbox(settings: Settings) -> None:
    """Check that rendering processes get the guards of the settings, and cannot read the data folder.

    Raises InvalidOption.
    """
    place = sandbox.exposing_place(settings.data_dir, [voices_folder().absolute()])
    if place is not None and settings.sandbox == "full":
        raise InvalidOption(
            f"The data folder {settings.data_dir} lies in {place}, which rendering processes can read, with the "
            "server's secret. Choose another one with --data-dir."
        )
    if settings.sandbox == "off":
        return
    missing = sandbox.probe_guards().missing_for(settings.sandbox)
    if missing:
        raise InvalidOption(
            f"{' '.join(missing)} To serve without this protection, set LIPSMITH_SANDBOX to network or off."
        )


def _configure_logs(context: Context) -> None:
    configure(context.settings.log_level, context.key_prefix)
    for former, name in context.settings.former_names.items():
        log.warning("a setting has a new name; the former one will be removed", former=former, name=name)


def _http(context: Context) -> uvicorn.Config:
    settings = context.settings
    timeouts = Timeouts(
        head_s=settings.head_timeout_s, stall_s=settings.stall_timeout_s, bytes_per_s=settings.min_bytes_per_s
    )
    return uvicorn.Config(
        application(context),
        http=strict(timeouts, connection_limits(settings)),
        ws="none",
        log_config=None,
        access_log=False,
        backlog=ACCEPTED_AT_ONCE,
        lifespan="off",
        timeout_graceful_shutdown=3,
        server_header=False,
    )


def connection_limits(settings: Settings) -> ConnectionLimits:
    """Return the limits of the settings, reduced if the system allows fewer open files; an upload needs two files."""
    wanted = 2 * settings.max_connections + OWN_FILES
    allowed = _open_files(wanted)
    most = min(settings.max_connections, max(1, (allowed - OWN_FILES) // 2))
    if most < settings.max_connections:
        log.warning("fewer connections than configured", connections=most, open_files=allowed)
    return ConnectionLimits(most=most, most_per_address=settings.max_connections_per_address)


def _open_files(wanted: int) -> int:
    """Raise this process's limit of open files, and return how many of ``wanted`` it may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    raised = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
    return raised


class _Server(uvicorn.Server):
    """Server that stops at a signal without raising it again, so that the exit code is 0."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for sock in sockets or ():
            sock.listen(BACKLOG)  # asyncio uses one number for the queue and for the connections accepted in one go

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
    made = context.accounts.create(list(context.accounts.plans)[-1])  # the largest
    say(f"A first account was created: {made.account.id}")
    say(f"Its API key, which is shown only now: {made.api_key}")


@contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # With the protocol given, asyncio sends small packets at once; otherwise each answer waits for 40 ms.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((settings.host, settings.port))
        except OSError as error:
            raise InvalidOption(
                f"Cannot listen on {settings.host}:{settings.port}: {error.strerror}. Choose another --port."
            ) from error
        sock.listen(BACKLOG)
        yield sock


def _address(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    if host in ALL_ADDRESSES:
        host = _seen_by_others(sock.family, *ALL_ADDRESSES[host])
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _seen_by_others(family: int, far: str, own: str) -> str:
    """Return this machine's address on the way to ``far``; ``own`` if there is no way."""
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((far, 9))  # sends nothing
        except OSError:
            return own
        return str(probe.getsockname()[0])


def _guesses_links(settings: Settings) -> bool:
    """Return whether the address of links in webhooks is a guess. Links in answers use the address of the request."""
    return settings.public_url is None and settings.s3_bucket is None


@contextmanager
def _working(context: Context, environment: Mapping[str, str]) -> Iterator[None]:
    """Run webhooks, retention and rendering while the server serves."""
    if context.database.is_sqlite:
        context.runners.clear()
        requeue_stalled(context.database, context.runners, context.queue, context.lifecycle)
    runner = Runner(context, environment) if context.settings.concurrency else None
    if runner:
        runner.start()
    context.sender.start()
    context.sweeper.start()
    try:
        yield
    finally:
        if runner:
            runner.drain(context.settings.drain_s)
        context.sweeper.stop()
        context.sender.stop()
