"""What is told, to whom, and how often."""

from __future__ import annotations

import http.server
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

import pytest
from service_parts import RESULT, House

from lipsmith.database.tables import webhook_deliveries
from lipsmith.errors import InvalidOption, InvalidUrl, NotFound
from lipsmith.service.billing.encryption import Encryptor
from lipsmith.service.network import deliveries as sending_module
from lipsmith.service.network.addresses import parse_allow
from lipsmith.service.network.deliveries import Deliverer
from lipsmith.service.network.fetch import POSTING, Fetcher, Timeouts
from lipsmith.service.network.webhooks import Webhooks
from lipsmith.service.project import Failure


@dataclass
class Receiver:
    """Hears what is posted, and answers with what it is told to."""

    port: int
    status: int = 200
    drips: bool = False
    """Whether it answers byte by byte, and never to an end."""
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"


@contextmanager
def listening_one() -> Iterator[Receiver]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            listening.heard.append(({name.lower(): value for name, value in self.headers.items()}, body))
            if listening.drips:
                with suppress(OSError):  # nobody waits that long
                    while listening.drips:
                        self.wfile.write(b"H")
                        time.sleep(0.02)
                return
            self.send_response(listening.status)
            self.end_headers()
            self.wfile.write(b"thanks")

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        listening = Receiver(server.server_address[1])
        threading.Thread(target=server.serve_forever).start()
        try:
            yield listening
        finally:
            listening.drips = False
            server.shutdown()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening_one() as receiver:
        yield receiver


@contextmanager
def sending(house: House, **patience: Timeouts) -> Iterator[Deliverer]:
    fetcher = Fetcher(allow=parse_allow("127.0.0.1"), **patience)
    sender = Deliverer(house.database, house.clock, fetcher, house.encryptor, house.formatters)
    sender.start()
    try:
        yield sender
    finally:
        sender.stop()


@pytest.fixture
def sender(house: House) -> Iterator[Deliverer]:
    with sending(house) as sender:
        yield sender


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def finished(house: House, **changes: str) -> str:
    project = house.order(house.account())
    attempt = house.lifecycle.begin(house.job(project), "w")
    assert attempt is not None
    house.lifecycle.complete(attempt, RESULT)
    return project.id


def test_each_step_is_told_once_and_signed(house: House, receiver: Receiver, sender: Deliverer) -> None:
    made, secret = house.webhooks.add(receiver.url)
    assert secret.startswith("whsec_")
    project = finished(house)
    until(lambda: len(receiver.heard) == 2)
    bodies = [body.decode() for _, body in receiver.heard]
    assert bodies == [
        f'{{"event": "started", "project": "{project}", "state": "rendering"}}',
        f'{{"event": "completed", "project": "{project}", "state": "complete"}}',
    ]
    headers = receiver.heard[0][0]
    assert (headers["x-secret"], headers["content-type"]) == (secret, "application/json")
    until(lambda: {delivery.state for delivery in house.webhooks.deliveries(made.id)} == {"delivered"})
    assert {(d.status, d.answer, d.attempt) for d in house.webhooks.deliveries()} == {(200, "thanks", 1)}


def test_only_what_was_asked_for_is_told(house: House) -> None:
    stranger = house.account()
    house.webhooks.add("https://example.org/mine", account=stranger.id)
    failures, _ = house.webhooks.add("https://example.org/failures", events=("errored",))
    finished(house)
    assert house.webhooks.deliveries() == []
    project = house.order(house.account())
    attempt = house.lifecycle.begin(house.job(project), "w")
    assert attempt is not None
    house.lifecycle.fail(attempt, Failure(code="x", message="y"))
    canceled = house.order(house.account())
    house.projects.cancel(canceled.id)
    assert [(d.webhook, d.event) for d in house.webhooks.deliveries()] == [(failures.id, "errored")]


def test_it_is_tried_again_later_and_later_for_a_day(house: House, receiver: Receiver, sender: Deliverer) -> None:
    receiver.status = 500
    made, _ = house.webhooks.add(receiver.url)
    house.webhooks.send_test(made.id)
    waits = []
    for tries in range(1, 18):
        until(lambda: house.webhooks.deliveries()[0].attempt == tries)  # noqa: B023
        if house.webhooks.deliveries()[0].state != "pending":
            break
        waits.append(2 ** (tries - 1))
        house.clock.pass_s(waits[-1])
    [delivery] = house.webhooks.deliveries()
    assert (delivery.state, delivery.status) == ("failed", 500)
    assert waits == [2**n for n in range(16)]
    assert sum(waits) < 86_400
    receiver.status = 204
    assert house.webhooks.redeliver(delivery.id).state == "pending"
    until(lambda: house.webhooks.deliveries()[0].state == "delivered")


@pytest.mark.parametrize("hours", [48, -48])
def test_a_clock_that_jumps_loses_nothing(house: House, receiver: Receiver, sender: Deliverer, hours: int) -> None:
    receiver.status = 500
    house.webhooks.add(receiver.url)
    finished(house)
    until(lambda: all(delivery.attempt == 1 for delivery in house.webhooks.deliveries()))
    house.clock.pass_s(hours * 3600)
    until(lambda: all(delivery.attempt == 2 for delivery in house.webhooks.deliveries()))
    assert {delivery.state for delivery in house.webhooks.deliveries()} == {"pending"}
    receiver.status = 204
    house.clock.pass_s(2)
    until(lambda: {delivery.state for delivery in house.webhooks.deliveries()} == {"delivered"})
    assert len(house.webhooks.deliveries()) == 2


def test_a_sender_that_believes_every_date_waits_for_two_days(
    house: House, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = webhook_deliveries
    monkeypatch.setattr(sending_module, "_due", lambda now_ms: (table.c.state == "pending", table.c.next_ms <= now_ms))
    receiver.status = 500
    with sending(house):
        house.webhooks.add(receiver.url)
        finished(house)
        until(lambda: all(delivery.attempt == 1 for delivery in house.webhooks.deliveries()))
        house.clock.pass_s(-48 * 3600)
        time.sleep(4 * sending_module.LOOK_S)
        assert {delivery.attempt for delivery in house.webhooks.deliveries()} == {1}


def test_a_server_that_was_away_for_days_still_tells(house: House, receiver: Receiver) -> None:
    house.webhooks.add(receiver.url)
    finished(house)
    house.clock.pass_s(3 * 86_400)
    with sending(house):
        until(lambda: len(receiver.heard) == 2)


def test_a_receiver_that_drips_for_six_hours_is_told_in_the_end_and_delays_nobody(
    house: House, receiver: Receiver
) -> None:
    slow, secret = house.webhooks.add(receiver.url)
    receiver.drips = True
    with listening_one() as lively, sending(house, posting=replace(POSTING, total_s=0.15)):
        house.webhooks.add(lively.url)
        project = finished(house)
        until(lambda: len(lively.heard) == 2)
        passed_s = tries = 0
        while passed_s < 6 * 3600:
            tries += 1
            until(lambda: {delivery.attempt for delivery in house.webhooks.deliveries(slow.id)} == {tries})  # noqa: B023
            house.clock.pass_s(2 ** (tries - 1))
            passed_s += 2 ** (tries - 1)
        receiver.drips = False
        until(lambda: {delivery.state for delivery in house.webhooks.deliveries(slow.id)} == {"delivered"})
    assert tries == 15
    told = Counter(body for _, body in receiver.heard)
    assert set(told) == {body for _, body in lively.heard}  # the same words each time, with the same id
    assert all(project.encode() in body and count >= tries for body, count in told.items())
    stamps = {headers["x-now"] for headers, _ in receiver.heard}
    assert len(stamps) >= tries  # signed anew each time
    assert {headers["x-secret"] for headers, _ in receiver.heard} == {secret}


def test_without_an_end_to_patience_a_receiver_that_drips_is_waited_for_for_ever(
    house: House, receiver: Receiver
) -> None:
    slow, _ = house.webhooks.add(receiver.url)
    receiver.drips = True
    with sending(house, posting=Timeouts(total_s=3600, min_bytes_per_s=0)):
        house.webhooks.send_test(slow.id)
        until(lambda: receiver.heard != [])
        time.sleep(0.6)
        house.clock.pass_s(1)
        assert [delivery.attempt for delivery in house.webhooks.deliveries(slow.id)] == [0]
        receiver.drips = False
        until(lambda: house.webhooks.deliveries(slow.id)[0].attempt == 1)


def test_a_deaf_listener_delays_nobody(house: House, receiver: Receiver, sender: Deliverer) -> None:
    house.webhooks.add("http://127.0.0.1:1/nobody")
    house.webhooks.add(receiver.url)
    for _ in range(5):
        finished(house)
    until(lambda: len(receiver.heard) == 10)


def test_a_listener_whose_secret_cannot_be_opened_delays_nobody(
    house: House, receiver: Receiver, sender: Deliverer
) -> None:
    other = Webhooks(house.database, house.clock, Encryptor(b"another secret"), house.formatters)
    lost, _ = other.add(receiver.url)
    found, _ = house.webhooks.add(receiver.url)
    finished(house)
    until(lambda: {d.state for d in house.webhooks.deliveries(found.id)} == {"delivered"})
    until(lambda: any(d.attempt == 1 for d in house.webhooks.deliveries(lost.id)))
    [answer] = {d.answer for d in house.webhooks.deliveries(lost.id) if d.attempt}
    assert "another server secret" in str(answer)


def test_a_disabled_listener_is_passed_by_and_its_news_fail_after_a_day(
    house: House, receiver: Receiver, sender: Deliverer
) -> None:
    made, _ = house.webhooks.add(receiver.url)
    assert house.webhooks.disable(made.id).disabled
    finished(house)
    house.clock.pass_s(86_401)
    until(lambda: {delivery.state for delivery in house.webhooks.deliveries()} == {"failed"})
    assert receiver.heard == []


def test_what_cannot_be_added(house: House) -> None:
    with pytest.raises(InvalidUrl):
        house.webhooks.add("ftp://example.org")
    with pytest.raises(InvalidOption, match="no event 'sung'"):
        house.webhooks.add("https://example.org", events=("sung",))
    with pytest.raises(NotFound, match="nobody"):
        house.webhooks.add("https://example.org", account="nobody")
    with pytest.raises(NotFound):
        house.webhooks.send_test("none")
