"""Webhooks through a real server: what is told, how it is signed, how often, and that nobody holds up anybody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from local_hosts import LocalHost, ReceivedRequest, check_signature, local_host, silent_host, wait_until
from servers import Server


@pytest.fixture(scope="module")
def receiver() -> Iterator[LocalHost]:
    with local_host() as there:
        yield there


@dataclass(frozen=True, kw_only=True)
class Customer:
    """An account of its own, so that nothing of other tests is received."""

    server: Server
    client: httpx.Client
    id: str
    orders: dict[str, Any]
    """Bodies of requests, by how they end."""

    def listens(self, url: str, *events: str) -> dict[str, Any]:
        """Adds a webhook; id, url and secret."""
        chosen = [word for event in events for word in ("--event", event)]
        made: dict[str, Any] = self.server.admin("webhook", "add", url, "--account", self.id, *chosen)
        return made

    def makes(self, extension: str) -> dict[str, Any]:
        """Orders a video, and the project when it is over."""
        shown = self.server.finished(self.order(extension), client=self.client)
        assert shown["status"] == extension
        return shown

    def order(self, extension: str) -> str:
        """The id of a new project."""
        return str(self.client.post("/v1/ai-talking-photo", json=self.orders[extension]).json()["id"])

    def deliveries(self, webhook: str) -> list[dict[str, Any]]:
        """Deliveries to it, the newest first."""
        told = self.server.admin("webhook", "list", "--deliveries")["deliveries"]
        return [delivery for delivery in told if delivery["webhook"] == webhook]


@pytest.fixture(scope="module")
def customer(server: Server, stock: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Customer]:
    made = server.admin("account", "create", "--plan", "business")
    headers = {"Authorization": f"Bearer {made['api_key']}"}
    muddle = tmp_path_factory.mktemp("muddle") / "muddle.png"
    muddle.write_text("no picture")
    with httpx.Client(base_url=server.url, headers=headers, timeout=240) as client:
        audio = server.upload(stock / "speech.wav", "audio", client=client)
        frames = {"complete": stock / "portrait.png", "error": muddle}
        orders = {
            extension: {
                "assets": {"image_file_path": server.upload(path, "image", client=client), "audio_file_path": audio},
                "start_seconds": 0,
                "end_seconds": 0.2,
                "name": "Zażółć 🎬",
            }
            for extension, path in frames.items()
        }
        yield Customer(server=server, client=client, id=made["id"], orders=orders)


def events(received: list[ReceivedRequest]) -> list[str]:
    return [json.loads(one.body)["type"] for one in received]


def without_signatures(payload: dict[str, Any]) -> dict[str, Any]:
    """Links are fresh each time; what stays is where they lead."""

    def plain(link: dict[str, str] | None) -> str | None:
        return link and urlsplit(link["url"]).path

    changes = {"downloads": [plain(link) for link in payload["downloads"]], "download": plain(payload["download"])}
    return payload | changes


def test_started_and_completed_are_told_signed_and_as_get_tells_them(customer: Customer, receiver: LocalHost) -> None:
    hook = customer.listens(f"{receiver.url}/complete")
    assert hook["secret"].startswith("whsec_")
    shown = customer.makes("complete")
    wait_until(lambda: len(receiver.at("/complete")) == 2)
    received = receiver.at("/complete")
    assert events(received) == ["video.started", "video.completed"]
    for one in received:
        check_signature(one, hook["secret"])
        assert json.loads(one.body).keys() == {"type", "payload"}
    started, completed = (json.loads(one.body)["payload"] for one in received)
    assert without_signatures(completed) == without_signatures(shown)
    assert httpx.get(completed["download"]["url"]).content[4:8] == b"ftyp"
    assert started.keys() == shown.keys()
    assert (started["status"], started["downloads"], started["download"]) == ("rendering", [], None)
    fixed = ("id", "name", "type", "created_at", "start_seconds", "end_seconds", "enabled")
    assert {name: started[name] for name in fixed} == {name: shown[name] for name in fixed}


def test_only_chosen_events_are_told(customer: Customer, receiver: LocalHost) -> None:
    hook = customer.listens(f"{receiver.url}/errored", "video.errored")
    customer.makes("complete")
    shown = customer.makes("error")
    wait_until(lambda: receiver.at("/errored"))
    [received] = receiver.at("/errored")
    check_signature(received, hook["secret"])
    told = json.loads(received.body)
    assert (told["type"], told["payload"]) == ("video.errored", shown)
    assert (told["payload"]["error"]["code"], told["payload"]["credits_charged"]) == ("invalid_image", 0)


def test_what_is_canceled_is_not_told(customer: Customer, receiver: LocalHost) -> None:
    customer.listens(f"{receiver.url}/canceled")
    customer.server.admin("project", "cancel", customer.order("complete"))
    customer.makes("complete")  # told after anything that might be told of the first
    wait_until(lambda: "video.completed" in events(receiver.at("/canceled")))
    assert set(events(receiver.at("/canceled"))) == {"video.started", "video.completed"}
    told = {json.loads(one.body)["payload"]["status"] for one in receiver.at("/canceled")}
    assert told == {"rendering", "complete"}


def test_a_receiver_that_fails_is_told_again_signed_anew(customer: Customer, receiver: LocalHost) -> None:
    receiver.statuses["/failing"] = [500, 302]
    hook = customer.listens(f"{receiver.url}/failing", "video.completed")
    customer.makes("complete")
    wait_until(lambda: len(receiver.at("/failing")) == 3)
    received = receiver.at("/failing")
    assert len({one.body for one in received}) == 1
    stamps = [int(one.headers["magic-hour-event-timestamp"]) for one in received]
    assert stamps[0] + 1 <= stamps[1] <= stamps[2] - 1  # after 1 s, and 2 s more
    for one in received:
        check_signature(one, hook["secret"])
    wait_until(lambda: customer.deliveries(hook["id"])[0]["state"] == "delivered")
    [delivery] = customer.deliveries(hook["id"])
    assert (delivery["attempt"], delivery["status"], delivery["event"]) == (3, 200, "video.completed")


def test_redelivery_disabling_and_trials_by_command(customer: Customer, receiver: LocalHost) -> None:
    hook = customer.listens(f"{receiver.url}/again", "video.completed")
    customer.makes("complete")
    wait_until(lambda: receiver.at("/again"))
    wait_until(lambda: customer.deliveries(hook["id"])[0]["state"] == "delivered")
    customer.server.admin("webhook", "redeliver", str(customer.deliveries(hook["id"])[0]["id"]))
    wait_until(lambda: len(receiver.at("/again")) == 2)
    first, second = receiver.at("/again")
    assert first.body == second.body
    check_signature(second, hook["secret"])

    assert customer.server.admin("webhook", "disable", hook["id"])["disabled"] is True
    other = customer.listens(f"{receiver.url}/other", "video.completed")
    customer.makes("complete")
    wait_until(lambda: receiver.at("/other"))
    assert len(receiver.at("/again")) == 2
    customer.server.admin("webhook", "disable", hook["id"], "--undo")
    wait_until(lambda: len(receiver.at("/again")) == 3)  # what waited meanwhile

    customer.server.admin("webhook", "test", other["id"])
    wait_until(lambda: len(receiver.at("/other")) == 2)
    check_signature(receiver.at("/other")[1], other["secret"])
    assert json.loads(receiver.at("/other")[1].body)["type"] == "webhook.test"


def test_a_deaf_receiver_delays_nobody(customer: Customer, receiver: LocalHost) -> None:
    with silent_host() as url:
        hook = customer.listens(url)
        customer.listens(f"{receiver.url}/lively")
        shown = [customer.makes("complete") for _ in range(2)]
        wait_until(lambda: events(receiver.at("/lively")).count("video.completed") == len(shown))
        waiting = customer.deliveries(hook["id"])
        assert {delivery["state"] for delivery in waiting} == {"pending"}
        customer.server.admin("webhook", "disable", hook["id"])


def test_a_receiver_in_the_servers_own_network_is_never_reached(customer: Customer, receiver: LocalHost) -> None:
    port = urlsplit(customer.server.url).port
    hook = customer.listens(f"http://127.0.0.1:{port}/healthz", "video.completed")
    customer.makes("complete")
    wait_until(lambda: customer.deliveries(hook["id"])[0]["attempt"])
    [delivery] = customer.deliveries(hook["id"])
    assert (delivery["state"], delivery["status"]) == ("pending", None)
    customer.server.admin("webhook", "disable", hook["id"])
