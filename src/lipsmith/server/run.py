"""From start to stop: one server with everything in it."""

from __future__ import annotations

import shutil
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

import structlog
import uvicorn

from lipsmith.server.app import application
from lipsmith.server.context import Context, Worker
from lipsmith.server.lock import exclusive
from lipsmith.server.logs import configure
from lipsmith.server.settings import Settings

log = structlog.get_logger("lipsmith.server")

_SETTLE_S = 4
"""After running videos were stopped, how long their last words to the database may take."""


def serve(settings: Settings, environment: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Serves until a signal asks to stop. ``say`` shows the first account's key, once."""
    configure(settings.log_level)
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with exclusive(settings.data_dir):
        context = Context(settings)
        try:
            context.prepare()
            _greet(context, say)
            with _listening(settings) as sock, _working(context, environment):
                server = _Server(_http(context))
                address = "http://{}:{}".format(*sock.getsockname()[:2])
                log.info("serving", address=address)
                say(f"lipsmith serves at {address}")
                server.run(sockets=[sock])
        finally:
            context.close()
    log.info("stopped")


def _http(context: Context) -> uvicorn.Config:
    return uvicorn.Config(
        application(context),
        http="httptools",
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=3,
        server_header=False,
    )


class _Server(uvicorn.Server):
    """Stops at a signal, and keeps the signal to itself: being asked to stop is no failure."""

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


def _greet(context: Context, say: Callable[[str], None]) -> None:
    if context.accounts.all():
        return
    made = context.accounts.create("business")
    say(f"A first account was made: {made.account.id}")
    say(f"Its API key, which is shown only now: {made.api_key}")


@contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.create_server((settings.host, settings.port), family=family, backlog=2048) as sock:
        yield sock


@contextmanager
def _working(context: Context, environment: Mapping[str, str]) -> Iterator[None]:
    if context.settings.workers == 0:
        yield
        return
    worker = context.worker(environment)
    shutil.rmtree(worker.children.folder.parent, ignore_errors=True)  # of servers that are no more
    worker.children.warm()
    recover(context)
    worker.server.start()
    try:
        yield
    finally:
        drain(worker, context.settings.drain_s)


def recover(context: Context) -> None:
    """Lets every unfinished job go again: whoever had it is no more."""
    for job, owner in context.queue.taken(but_by=()).items():
        log.info("recovered", job=job, worker=owner)
        context.queue.release(job)


def drain(worker: Worker, patience_s: float) -> None:
    """Lets running videos go on for a while, then puts them back."""
    timer = threading.Timer(patience_s, worker.attempts.draining.set)
    timer.start()
    try:
        worker.server.stop(patience_s=round(patience_s) + _SETTLE_S)
    finally:
        timer.cancel()
        worker.children.close()
        shutil.rmtree(worker.children.folder, ignore_errors=True)
