"""Any sequence of what may happen to a server, against a small model of what should be: books, states and files agree.

The application is the real one, with a real database and real files, and is asked over HTTP. The test plays the worker,
so that a try can end at any moment: well, badly, late, or never. A death is a process that stops in the middle.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from databases import fresh, postgres
from dying_server import Point, dies_at
from in_process_server import listening
from lanes import amount
from lipsmith.database.tables import jobs, ledger, projects
from lipsmith.server.context import Context
from lipsmith.server.settings import Settings
from lipsmith.service.jobs.lifecycle import Attempt
from lipsmith.service.project import Failure, JobResult
from lipsmith.storage.contract import put_file

__all__ = ["postgres"]

EXAMPLES = amount("EXAMPLES", whole=2, release=200)
"""Lives for each database; 200 are worth their minutes before a release."""
STEPS = 30
GRANT = 400
TRIES = 3
OPEN = ("queued", "rendering")
UPLOADS = (("image", "png"), ("audio", "wav"))


class Death(BaseException):
    """The process is no more."""


def die() -> None:
    raise Death


@dataclass
class Person:
    """Expected state of an account."""

    id: str
    key: str
    balance: int = GRANT
    uploads: dict[str, bytes] = field(default_factory=dict)


@dataclass
class Film:
    """Expected state of a project."""

    owner: Person
    held: int
    state: str = "queued"
    credits: int = 0
    tries: int = 0
    key: str | None = None
    deleted: bool = False
    attempts: list[Attempt] = field(default_factory=list)
    """All that were ever begun; only the last may end it."""

    def end(self, state: str, cost: int = 0) -> None:
        self.state, self.credits = state, cost
        self.owner.balance += self.held - cost


class Life(RuleBasedStateMachine):
    """One server's life."""

    new_database: ClassVar[Callable[[], Any]]

    people = Bundle("people")
    films = Bundle("films")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="lipsmith-life-"))
        self._database = self.new_database()
        self.settings = Settings(
            data_dir=self.folder / "data", database_url=self._database.__enter__(), max_attempts=TRIES
        )
        self.persons: list[Person] = []
        self.made: dict[str, Film] = {}
        self.number = 0
        self._listening = ExitStack()
        self.born()

    def teardown(self) -> None:
        self._listening.close()
        self.context.close()
        self._database.__exit__(None, None, None)
        shutil.rmtree(self.folder)

    def born(self) -> None:
        self.context = Context(self.settings)
        self.context.prepare()
        self.context.address = self._listening.enter_context(listening(self.context))
        self.client = self._listening.enter_context(httpx.Client(base_url=self.context.address))

    def ask(self, person: Person, method: str, path: str, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {person.key}", **options.pop("headers", {})}
        return self.client.request(method, path, headers=headers, **options)

    @initialize(target=people)
    def two_people(self) -> Any:
        for _ in range(2):
            made = self.context.accounts.create("business", credits_given=GRANT)
            self.persons.append(Person(id=made.account.id, key=made.api_key))
            for kind in UPLOADS:
                self.upload(self.persons[-1], kind, b"first")
        return multiple(*self.persons)

    @rule(person=people, amount=st.integers(-100, 300))
    def grant(self, person: Person, amount: int) -> None:
        assert self.context.accounts.grant(person.id, amount) == person.balance + amount
        person.balance += amount

    @rule(
        person=people,
        kind=st.sampled_from(UPLOADS),
        content=st.binary(min_size=1, max_size=64),
    )
    def upload(self, person: Person, kind: tuple[str, str], content: bytes) -> None:
        wish = {"type": kind[0], "extension": kind[1]}
        [item] = self.ask(person, "POST", "/v1/files/upload-urls", json={"items": [wish]}).json()["items"]
        assert self.client.put(item["upload_url"], content=content).status_code == 200
        person.uploads[item["file_path"]] = content

    def wanted(self, person: Person, seconds: float) -> dict[str, Any]:
        found = {path.rpartition(".")[2]: path for path in person.uploads}
        assets = {"image_file_path": found["png"], "audio_file_path": found["wav"]}
        return {"assets": assets, "start_seconds": 0, "end_seconds": seconds}

    @rule(
        target=films,
        person=people,
        seconds=st.sampled_from([0.1, 1.0, 3.0]),
        dies=st.sampled_from([None, None, None, "charged", "created"]),
        again=st.booleans(),
    )
    def order(self, person: Person, seconds: float, dies: Point | None, again: bool) -> Any:
        body = self.wanted(person, seconds)
        self.number += 1
        headers = {"Idempotency-Key": f"order {self.number}"}
        held = round(seconds * 30) * 2
        if dies:
            with dies_at(dies, die):
                self.ask(person, "POST", "/v1/ai-talking-photo", json=body, headers=headers)
            self.death()
        answer = self.ask(person, "POST", "/v1/ai-talking-photo", json=body, headers=headers)
        if held > person.balance:
            assert answer.status_code == 402
            return multiple()
        assert (answer.status_code, answer.json()["credits_charged"]) == (200, held)
        if again:
            repeated = self.ask(person, "POST", "/v1/ai-talking-photo", json=body, headers=headers)
            assert repeated.json()["id"] == answer.json()["id"]
        person.balance -= held
        self.made[answer.json()["id"]] = Film(owner=person, held=held, credits=held)
        return answer.json()["id"]

    @rule(id=films)
    def begin(self, id: str) -> None:
        film = self.made[id]
        attempt = self.context.lifecycle.begin(self.job(id), "worker")
        if film.state not in OPEN:
            assert attempt is None
        elif film.tries == TRIES:
            assert attempt is None
            film.end("error")
        else:
            assert attempt is not None
            film.tries += 1
            film.state = "rendering"
            film.attempts.append(attempt)

    @rule(id=films, late=st.booleans(), frames=st.integers(1, 90))
    def complete(self, id: str, late: bool, frames: int) -> None:
        film = self.made[id]
        if not film.attempts:
            return
        attempt = film.attempts[0 if late else -1]
        key = f"outputs/{id}/{attempt.number}/{id}.mp4"
        video = self.folder / "video"
        video.write_bytes(b"video")
        put_file(self.context.storage, key, video)
        result = JobResult(keys=(key,), frames=frames, fps=30.0, width=2, height=2)
        counts = film.state == "rendering" and attempt is film.attempts[-1]
        assert self.context.lifecycle.complete(attempt, result) is counts
        if counts:
            film.end("complete", min(film.held, 2 * frames))
            film.key = key
        elif key != film.key:
            self.context.storage.delete(key)  # as a worker does that comes too late

    @rule(id=films, late=st.booleans())
    def fail(self, id: str, late: bool) -> None:
        film = self.made[id]
        if not film.attempts:
            return
        attempt = film.attempts[0 if late else -1]
        counts = film.state == "rendering" and attempt is film.attempts[-1]
        assert self.context.lifecycle.fail(attempt, Failure(code="no_source_face", message="None.")) is counts
        if counts:
            film.end("error")

    @rule(id=films)
    def cancel(self, id: str) -> None:
        film = self.made[id]
        self.context.projects.cancel(id)
        if film.state in OPEN:
            film.end("canceled")

    @rule(id=films)
    def delete(self, id: str) -> None:
        film = self.made[id]
        assert self.ask(film.owner, "DELETE", f"/v1/video-projects/{id}").status_code == 204
        if film.state in OPEN:
            film.end("canceled")
        film.deleted, film.key = True, None

    @rule(id=films)
    def look(self, id: str) -> None:
        film = self.made[id]
        [other] = [person for person in self.persons if person is not film.owner]
        assert self.ask(other, "GET", f"/v1/video-projects/{id}").status_code == 404
        shown = self.ask(film.owner, "GET", f"/v1/video-projects/{id}").json()
        assert (shown["status"], shown["credits_charged"]) == (film.state, film.credits)
        assert shown["enabled"] is not film.deleted
        assert len(shown["downloads"]) == (film.key is not None)
        for download in shown["downloads"]:
            assert self.client.get(download["url"]).content == b"video"

    @rule(person=people)
    def look_at_an_upload_again(self, person: Person) -> None:
        for key, content in person.uploads.items():
            assert b"".join(self.context.storage.read(key)) == content

    @rule()
    def sweep(self) -> None:
        swept = self.context.sweeper.sweep()
        assert (swept.uploads, swept.results, swept.orphans, swept.unfinished) == (0, 0, 0, 0)

    @rule()
    def death(self) -> None:
        """Nothing is closed politely; what a worker had, the next one begins anew."""
        self._listening.close()
        self.context.database.close()
        self.born()

    def job(self, id: str) -> str:
        with self.context.database.read() as conn:
            return str(conn.scalar(sa.select(jobs.c.id).where(jobs.c.project == id)))

    @invariant()
    def books_states_and_files_agree(self) -> None:
        with self.context.database.read() as conn:
            sums = sa.select(ledger.c.account, sa.func.sum(ledger.c.amount)).group_by(ledger.c.account)
            assert {row[0]: int(row[1]) for row in conn.execute(sums)} == {p.id: p.balance for p in self.persons}
            found = sa.select(projects.c.id, jobs.c.state, projects.c.credits).join(
                jobs, jobs.c.project == projects.c.id
            )
            states = {row.id: (row.state, row.credits) for row in conn.execute(found)}
        assert states == {id: (film.state, film.credits) for id, film in self.made.items()}
        stored = {entry.key for entry in self.context.storage.stored()}
        uploads = {key for person in self.persons for key in person.uploads}
        assert stored == uploads | {film.key for film in self.made.values() if film.key}


@pytest.fixture(params=["sqlite", "postgres"])
def new_database(request: pytest.FixtureRequest) -> Callable[[], Any]:
    """Makes a context whose value is the URL of an empty database; None is the SQLite file of the data folder."""
    server = request.getfixturevalue("postgres") if request.param == "postgres" else None
    count = iter(range(10**6))

    @contextmanager
    def one() -> Iterator[str | None]:
        if server is None:
            yield None
        else:
            with fresh(server, f"life_{os.getpid()}_{next(count)}") as url:
                yield url

    return one


HOW = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.timeout(3600)
def test_any_life(new_database: Callable[[], Any]) -> None:
    run_machine(type("OneLife", (Life,), {"new_database": staticmethod(new_database)}), settings=HOW)


@pytest.mark.release
def test_a_server_that_forgets_a_refund_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prove that the check finds a missing refund."""
    from lipsmith.service.billing import credits

    monkeypatch.setattr(credits, "refund", lambda *args, **kwargs: None)

    @contextmanager
    def none() -> Iterator[None]:
        yield None

    with pytest.raises(AssertionError):
        run_machine(
            type("OneLife", (Life,), {"new_database": staticmethod(none)}),
            settings=settings(HOW, max_examples=max(EXAMPLES, 20), phases=[Phase.generate]),
        )
