"""Behaviours of every dialect: one list, run for each of them."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import httpx
import numpy as np
import pytest

from dialect_clients import Akool, DialectClient, MagicHour, NewAccount, RequestRefused, VideoStatus
from in_process_server import InProcessServer, some_picture, some_sound
from local_hosts import local_host, wait_until
from servers import TIMEOUT_S, Server

Kind = type[DialectClient]


@pytest.fixture(scope="module", params=[MagicHour, Akool], ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


@dataclass
class Small:
    """A server that renders nothing, for what is decided at once."""

    in_process: InProcessServer
    image: Path
    audio: Path

    def account(self, credits: int = 1000) -> NewAccount:
        made = self.in_process.context.accounts.create("business", credits_given=credits)
        names = made.account.id, made.api_key, made.account.client_id, made.client_secret
        return NewAccount(**dict(zip(("id", "api_key", "client_id", "client_secret"), names, strict=True)))

    def order(self, customer: DialectClient) -> str:
        return customer.talk(customer.upload(self.image, "image"), customer.upload(self.audio, "audio"))


@pytest.fixture
def small(in_process: InProcessServer, tmp_path: Path) -> Small:
    (tmp_path / "a.png").write_bytes(some_picture())
    (tmp_path / "a.wav").write_bytes(some_sound())
    return Small(in_process, tmp_path / "a.png", tmp_path / "a.wav")


@pytest.fixture
def customer(kind: Kind, small: Small) -> Iterator[DialectClient]:
    """With an account of its own."""
    one = kind(small.in_process.url, small.account())
    with one.client:
        yield one


@contextmanager
def refused(customer: DialectClient, why: str, match: str = ".") -> Iterator[None]:
    with pytest.raises(RequestRefused, match=match) as caught:
        yield
    assert caught.value.code == customer.refusals[why], caught.value


def test_an_order_waits_and_holds_credits(customer: DialectClient, small: Small) -> None:
    before = customer.balance()
    order = small.order(customer)
    seen = customer.see(order)
    assert seen == VideoStatus(state="waiting", url="", charged=before - customer.balance(), why=None)
    assert seen.charged > 0
    assert customer.see(order) == seen


def test_an_id_of_nothing_and_somebody_elses_look_the_same(customer: DialectClient, small: Small, kind: Kind) -> None:
    order = small.order(customer)
    stranger = kind(small.in_process.url, small.account())
    with stranger.client:
        for id in (stranger.unknown, order):
            with refused(stranger, "nothing"):
                stranger.see(id)
            with refused(stranger, "nothing"):
                stranger.delete(id)
    assert customer.see(order).state == "waiting"


def test_somebody_elses_upload_cannot_be_used(customer: DialectClient, small: Small, kind: Kind) -> None:
    image, audio = customer.upload(small.image, "image"), customer.upload(small.audio, "audio")
    stranger = kind(small.in_process.url, small.account())
    with stranger.client:
        before = stranger.balance()
        try:
            order = stranger.talk(image, audio)
        except RequestRefused as refusal:
            assert refusal.code == stranger.refusals["unusable"]
            assert stranger.balance() == before
        else:  # a signed link opens to whoever has it, but as a URL of a stranger, which is fetched
            found = small.in_process.context.projects.find(f"c{order}")
            assert {source.key for source in found.params.inputs.values()} == {None}


@pytest.mark.parametrize("key", ["", "wrong", "mhk_live_" + "x" * 36, "x" * 24])
def test_nobody_gets_in(customer: DialectClient, small: Small, kind: Kind, key: str) -> None:
    nobody = kind(small.in_process.url, customer.account, key)
    with nobody.client:
        for attempt in (nobody.balance, lambda: nobody.see(nobody.unknown), lambda: nobody.talk(None, "x")):
            with pytest.raises(RequestRefused) as caught:
                attempt()
            assert caught.value.code in (nobody.refusals["nobody"], 1102 if not key else None)


def test_a_suspended_account_gets_in_again_when_it_may(customer: DialectClient, small: Small) -> None:
    small.in_process.context.accounts.suspend(customer.account.id)
    with refused(customer, "suspended"):
        customer.balance()
    small.in_process.context.accounts.suspend(customer.account.id, suspended=False)
    assert customer.balance() == 1000


def test_without_credits_nothing_is_made(small: Small, kind: Kind) -> None:
    poor = kind(small.in_process.url, small.account(credits=3))
    with poor.client:
        with refused(poor, "poor"):
            small.order(poor)
        assert poor.balance() == 3
    assert small.in_process.context.projects.list(poor.account.id) == []


def test_what_is_missing_is_named(customer: DialectClient, small: Small) -> None:
    audio = customer.upload(small.audio, "audio")
    with refused(customer, "wrong", match="(image_file_path|talking_photo_url): this field is required"):
        customer.talk(None, audio)


@pytest.mark.parametrize("name", ["ftp://example.org/a.png", "http://user:word@example.org/a.png", "/etc/passwd"])
def test_what_cannot_be_an_input_costs_nothing(customer: DialectClient, small: Small, name: str) -> None:
    with refused(customer, "unusable"):
        customer.talk(name, customer.upload(small.audio, "audio"))
    assert customer.balance() == 1000


def test_what_is_deleted_while_it_waits_costs_nothing(customer: DialectClient, small: Small) -> None:
    order = small.order(customer)
    for _ in range(2):
        customer.delete(order)
    seen = customer.see(order)
    assert (seen.state, seen.url, seen.charged) == ("gone", "", 0)
    assert customer.balance() == 1000


def finished(customer: DialectClient, order: str) -> VideoStatus:
    deadline = time.monotonic() + TIMEOUT_S
    while (seen := customer.see(order)).state in ("waiting", "rendering"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return seen


def frames_of(video: bytes) -> list[np.ndarray]:
    with av.open(io.BytesIO(video)) as film:
        return [frame.to_ndarray(format="gray") for frame in film.decode(video=0)]


@pytest.fixture(scope="module")
def buyer(kind: Kind, server: Server) -> Iterator[DialectClient]:
    """A customer of a server that renders."""
    made = server.admin("account", "create", "--plan", "business")
    one = kind(server.url, NewAccount.of(made))
    with one.client:
        yield one


def test_from_order_to_video_told_once_and_deleted(buyer: DialectClient, server: Server, stock: Path) -> None:
    with local_host() as there:
        read = buyer.listen(f"{there.url}/done", server.admin)
        before = buyer.balance()
        order = buyer.talk(buyer.upload(stock / "portrait.png", "image"), buyer.upload(stock / "speech.wav", "audio"))
        seen = finished(buyer, order)
        assert (seen.state, seen.why) == ("complete", None)
        assert before - buyer.balance() == seen.charged > 0
        video = httpx.get(seen.url)  # without a key
        assert (video.status_code, video.headers["content-type"]) == (200, "video/mp4")
        frames = frames_of(video.content)
        assert len(frames) > 5
        assert max(np.abs(frames[0].astype(int) - image).max() for image in frames) > 30
        again = buyer.see(order)
        assert (again.state, again.charged, again.url.split("?")[0]) == (
            "complete",
            seen.charged,
            seen.url.split("?")[0],
        )

        wait_until(lambda: any(map(read, there.at("/done"))))
        [told] = [one for one in map(read, there.at("/done")) if one]
        assert (told["id"], told["state"]) == (order, "complete")
        assert httpx.get(told["url"]).content == video.content
        buyer.delete(order)
        assert buyer.see(order).state == "gone"
        assert httpx.get(seen.url).status_code == httpx.get(told["url"]).status_code == 404
        assert before - buyer.balance() == seen.charged


def test_a_failure_says_why_and_costs_nothing(
    buyer: DialectClient, server: Server, stock: Path, tmp_path: Path
) -> None:
    (tmp_path / "note.png").write_text("this is no picture")
    with local_host() as there:
        read = buyer.listen(f"{there.url}/failed", server.admin)
        before = buyer.balance()
        order = buyer.talk(buyer.upload(tmp_path / "note.png", "image"), buyer.upload(stock / "speech.wav", "audio"))
        assert finished(buyer, order) == VideoStatus(state="failed", url="", charged=0, why=buyer.no_face)
        assert buyer.balance() == before
        wait_until(lambda: any(map(read, there.at("/failed"))))
        [told] = [one for one in map(read, there.at("/failed")) if one]
        assert told == {"id": order, "state": "failed", "url": ""}


def test_a_clip_gets_new_words_and_serves_as_an_input(buyer: DialectClient, stock: Path, tmp_path: Path) -> None:
    (tmp_path / "note.png").write_text("this is no picture")
    order = buyer.sync(buyer.upload(stock / "clip.mp4", "video"), buyer.upload(stock / "speech.wav", "audio"))
    seen = finished(buyer, order)
    assert (seen.state, seen.why) == ("complete", None)
    assert len(frames_of(httpx.get(seen.url).content)) > 5
    order = buyer.talk(buyer.upload(tmp_path / "note.png", "image"), seen.url)  # the sound of what was made
    assert finished(buyer, order).why == buyer.no_face
