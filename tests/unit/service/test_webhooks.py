"""Events, their receivers, and repeated deliveries."""

from __future__ import annotations

import http.server
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

import pytest
from service_parts import RESULT, ServiceParts

from lipsmith.database.tables import webhook_deliveries
from lipsmith.errors import InvalidOption
from lipsmith.service.billing.encryption import Encryptor
from lipsmith.service.errors import InvalidUrl, NotFound
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
    host: str = "127.0.0.1"
    status: int = 200
    drips: bool = False
    """Whether it answers byte by byte, and never to an end."""
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/hook"


@contextmanager
def listening_one(host: str = "127.0.0.1") -> Iterator[Receiver]:
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

    with http.server.ThreadingHTTPServer((host, 0), Handler) as server:
        listening = Receiver(server.server_address[1], host)
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
def sending(service: ServiceParts, **patience: Timeouts) -> Iterator[Deliverer]:
    fetcher = Fetcher(allow=parse_allow("127.0.0.0/8"), **patience)
    sender = Deliverer(service.database, service.clock, fetcher, service.encryptor, service.formatters)
    sender.start()
    try:
        yield sender
    finally:
        sender.stop()


@pytest.fixture
def sender(service: ServiceParts) -> Iterator[Deliverer]:
    with sending(service) as sender:
        yield sender


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 240
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def finished(service: ServiceParts, **changes: str) -> str:
    project = service.order(service.account())
    attempt = service.lifecycle.begin(service.job(project), "w")
    assert attempt is not None
    service.lifecycle.complete(attempt, RESULT)
    return project.id


@pytest.mark.slow
def test_each_step_is_told_once_and_signed(service: ServiceParts, receiver: Receiver, sender: Deliverer) -> None:
    made, credentials = service.webhooks.add(receiver.url)
    project = finished(service)
    until(lambda: len(receiver.heard) == 2)
    bodies = [body.decode() for _, body in receiver.heard]
    assert bodies == [
        f'{{"event": "started", "project": "{project}", "state": "rendering"}}',
        f'{{"event": "completed", "project": "{project}", "state": "complete"}}',
    ]
    headers = receiver.heard[0][0]
    assert (headers["x-secret"], headers["content-type"]) == (credentials.secret, "application/json")
    until(lambda: {delivery.state for delivery in service.webhooks.deliveries(made.id)} == {"delivered"})
    assert {(d.status, d.answer, d.attempt) for d in service.webhooks.deliveries()} == {(200, "thanks", 1)}


@pytest.mark.slow
def test_a_standing_webhook_speaks_its_dialect(service: ServiceParts, receiver: Receiver, sender: Deliverer) -> None:
    one, _ = service.webhooks.add(receiver.url)
    other, credentials = service.webhooks.add(receiver.url, dialect="other")
    few, _ = service.webhooks.add(receiver.url, dialect="other", events=("other completed",))
    assert [(hook.id, hook.dialect) for hook in service.webhooks.all()] == [
        (one.id, "plain"),
        (other.id, "other"),
        (few.id, "other"),
    ]
    finished(service)
    until(lambda: len(receiver.heard) == 5)
    assert {delivery.event for delivery in service.webhooks.deliveries(one.id)} == {"started", "completed"}
    assert {delivery.event for delivery in service.webhooks.deliveries(other.id)} == {
        "other started",
        "other completed",
    }
    assert [delivery.event for delivery in service.webhooks.deliveries(few.id)] == ["other completed"]
    assert service.webhooks.send_test(other.id).event == "other test"
    until(lambda: len(receiver.heard) == 6)
    assert receiver.heard[-1][0]["x-secret"] == credentials.to_text() == "other :whsec_0123"
    with pytest.raises(InvalidOption):
        service.webhooks.add(receiver.url, dialect="third")
    with pytest.raises(InvalidOption):
        service.webhooks.add(receiver.url, dialect="other", events=("completed",))


def test_webhooks_of_a_dialect_that_is_gone_are_silent(service: ServiceParts) -> None:
    made, _ = service.webhooks.add("https://example.org/hook", dialect="other")
    del service.formatters["other"]
    finished(service)
    assert service.webhooks.deliveries() == []
    assert [hook.dialect for hook in service.webhooks.all()] == [None]
    with pytest.raises(NotFound):
        service.webhooks.send_test(made.id)


def test_only_what_was_asked_for_is_told(service: ServiceParts) -> None:
    stranger = service.account()
    service.webhooks.add("https://example.org/mine", account=stranger.id)
    failures, _ = service.webhooks.add("https://example.org/failures", events=("errored",))
    finished(service)
    assert service.webhooks.deliveries() == []
    project = service.order(service.account())
    attempt = service.lifecycle.begin(service.job(project), "w")
    assert attempt is not None
    service.lifecycle.fail(attempt, Failure(code="x", message="y"))
    canceled = service.order(service.account())
    service.projects.cancel(canceled.id)
    assert [(d.webhook, d.event) for d in service.webhooks.deliveries()] == [(failures.id, "errored")]


@pytest.mark.slow
def test_it_is_tried_again_later_and_later_for_a_day(
    service: ServiceParts, receiver: Receiver, sender: Deliverer
) -> None:
    receiver.status = 500
    made, _ = service.webhooks.add(receiver.url)
    service.webhooks.send_test(made.id)
    waits = []
    for tries in range(1, 18):
        until(lambda: service.webhooks.deliveries()[0].attempt == tries)  # noqa: B023
        if service.webhooks.deliveries()[0].state != "pending":
            break
        waits.append(2 ** (tries - 1))
        service.clock.pass_s(waits[-1])
    [delivery] = service.webhooks.deliveries()
    assert (delivery.state, delivery.status) == ("failed", 500)
    assert waits == [2**n for n in range(16)]
    assert sum(waits) < 86_400
    receiver.status = 204
    assert service.webhooks.redeliver(delivery.id).state == "pending"
    until(lambda: service.webhooks.deliveries()[0].state == "delivered")


@pytest.mark.slow
@pytest.mark.parametrize("hours", [48, -48])
def test_a_clock_that_jumps_loses_nothing(
    service: ServiceParts, receiver: Receiver, sender: Deliverer, hours: int
) -> None:
    receiver.status = 500
    service.webhooks.add(receiver.url)
    finished(service)
    until(lambda: all(delivery.attempt == 1 for delivery in service.webhooks.deliveries()))
    service.clock.pass_s(hours * 3600)
    until(lambda: all(delivery.attempt == 2 for delivery in service.webhooks.deliveries()))
    assert {delivery.state for delivery in service.webhooks.deliveries()} == {"pending"}
    receiver.status = 204
    service.clock.pass_s(2)
    until(lambda: {delivery.state for delivery in service.webhooks.deliveries()} == {"delivered"})
    assert len(service.webhooks.deliveries()) == 2


@pytest.mark.slow
def test_a_sender_that_believes_every_date_waits_for_two_days(
    service: ServiceParts, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = webhook_deliveries
    monkeypatch.setattr(sending_module, "_due", lambda now_ms: (table.c.state == "pending", table.c.next_ms <= now_ms))
    receiver.status = 500
    with sending(service):
        service.webhooks.add(receiver.url)
        finished(service)
        until(lambda: all(delivery.attempt == 1 for delivery in service.webhooks.deliveries()))
        service.clock.pass_s(-48 * 3600)
        time.sleep(4 * sending_module.POLL_S)
        assert {delivery.attempt for delivery in service.webhooks.deliveries()} == {1}


@pytest.mark.slow
def test_a_server_that_was_away_for_days_still_tells(service: ServiceParts, receiver: Receiver) -> None:
    service.webhooks.add(receiver.url)
    finished(service)
    service.clock.pass_s(3 * 86_400)
    with sending(service):
        until(lambda: len(receiver.heard) == 2)


@pytest.mark.slow
def test_a_receiver_that_drips_for_six_hours_is_told_in_the_end_and_delays_nobody(
    service: ServiceParts, receiver: Receiver
) -> None:
    slow, credentials = service.webhooks.add(receiver.url)
    receiver.drips = True
    with listening_one() as lively, sending(service, posting=replace(POSTING, total_s=0.15)):
        service.webhooks.add(lively.url)
        project = finished(service)
        until(lambda: len(lively.heard) == 2)
        passed_s = tries = 0
        while passed_s < 6 * 3600:
            tries += 1
            until(lambda: {delivery.attempt for delivery in service.webhooks.deliveries(slow.id)} == {tries})  # noqa: B023
            service.clock.pass_s(2 ** (tries - 1))
            passed_s += 2 ** (tries - 1)
        receiver.drips = False
        until(lambda: {delivery.state for delivery in service.webhooks.deliveries(slow.id)} == {"delivered"})
    assert tries == 15
    told = Counter(body for _, body in receiver.heard)
    assert set(told) == {body for _, body in lively.heard}  # the same words each time, with the same id
    assert all(project.encode() in body and count >= tries for body, count in told.items())
    stamps = {headers["x-now"] for headers, _ in receiver.heard}
    assert len(stamps) >= tries  # signed anew each time
    assert {headers["x-secret"] for headers, _ in receiver.heard} == {credentials.secret}


@pytest.mark.slow
def test_without_an_end_to_patience_a_receiver_that_drips_is_waited_for_for_ever(
    service: ServiceParts, receiver: Receiver
) -> None:
    slow, _ = service.webhooks.add(receiver.url)
    receiver.drips = True
    with sending(service, posting=Timeouts(total_s=3600, min_bytes_per_s=0)):
        service.webhooks.send_test(slow.id)
        until(lambda: receiver.heard != [])
        time.sleep(0.6)
        service.clock.pass_s(1)
        assert [delivery.attempt for delivery in service.webhooks.deliveries(slow.id)] == [0]
        receiver.drips = False
        until(lambda: service.webhooks.deliveries(slow.id)[0].attempt == 1)


@pytest.mark.slow
def test_a_deaf_listener_delays_nobody(service: ServiceParts, receiver: Receiver, sender: Deliverer) -> None:
    service.webhooks.add("http://127.0.0.1:1/nobody")
    service.webhooks.add(receiver.url)
    for _ in range(5):
        finished(service)
    until(lambda: len(receiver.heard) == 10)


@pytest.mark.slow
def test_one_account_s_hanging_receivers_delay_no_other_account(service: ServiceParts, receiver: Receiver) -> None:
    forever = Timeouts(total_s=3600.0, min_bytes_per_s=0.0)
    with listening_one("127.0.0.2") as hanging, sending(service, posting=forever):
        hanging.drips = True
        noisy, quiet = service.account(), service.account()
        for number in range(2 * sending_module.AT_ONCE):
            service.webhooks.add(f"{hanging.url}/{number}", account=noisy.id)
        assert service.lifecycle.begin(service.job(service.order(noisy)), "w") is not None
        until(lambda: len(hanging.heard) == sending_module.PER_HOST)
        service.webhooks.add(receiver.url, account=quiet.id)
        assert service.lifecycle.begin(service.job(service.order(quiet)), "w") is not None
        until(lambda: len(receiver.heard) == 1)
        assert len(hanging.heard) == sending_module.PER_HOST
        hanging.drips = False


def test_an_account_and_a_host_get_their_share_of_what_is_sent_at_once() -> None:
    def receivers(count: int, account: str, host: str) -> list[sending_module._Receiver]:
        return [sending_module._Receiver(url=f"https://{host}:{n}/hook", account=account) for n in range(1, count + 1)]

    many = [*receivers(30, "noisy", "a.example"), *receivers(3, "quiet", "b.example"), *receivers(30, "", "c.example")]
    due = dict(enumerate(many))
    chosen = sending_module._within_limits(due, [])
    assert Counter(due[n].account for n in chosen) == {"noisy": 4, "quiet": 3, "": 4}
    assert sending_module._within_limits(due, many[:4]) == [30, 31, 32, 33, 34, 35, 36]
    assert len(sending_module._within_limits(due, receivers(15, "x", "d.example"))) == 1
    assert sending_module._within_limits(due, receivers(16, "x", "d.example")) == []


@pytest.mark.slow
def test_a_listener_whose_secret_cannot_be_opened_delays_nobody(
    service: ServiceParts, receiver: Receiver, sender: Deliverer
) -> None:
    other = Webhooks(service.database, service.clock, Encryptor(b"another secret"), service.formatters)
    lost, _ = other.add(receiver.url)
    found, _ = service.webhooks.add(receiver.url)
    finished(service)
    until(lambda: {d.state for d in service.webhooks.deliveries(found.id)} == {"delivered"})
    until(lambda: any(d.attempt == 1 for d in service.webhooks.deliveries(lost.id)))
    [answer] = {d.answer for d in service.webhooks.deliveries(lost.id) if d.attempt}
    assert "another server secret" in str(answer)


def test_a_disabled_listener_is_passed_by_and_its_news_fail_after_a_day(
    service: ServiceParts, receiver: Receiver, sender: Deliverer
) -> None:
    made, _ = service.webhooks.add(receiver.url)
    assert service.webhooks.disable(made.id).disabled
    finished(service)
    service.clock.pass_s(86_401)
    until(lambda: {delivery.state for delivery in service.webhooks.deliveries()} == {"failed"})
    assert receiver.heard == []


def test_what_cannot_be_added(service: ServiceParts) -> None:
    with pytest.raises(InvalidUrl):
        service.webhooks.add("ftp://example.org")
    with pytest.raises(InvalidOption):
        service.webhooks.add("https://example.org", events=("sung",))
    with pytest.raises(NotFound):
        service.webhooks.add("https://example.org", account="nobody")
    with pytest.raises(NotFound):
        service.webhooks.send_test("none")
