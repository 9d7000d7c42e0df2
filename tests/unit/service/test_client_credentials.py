"""The second dialect's credentials: made, recognised, renewed; and what a request's own listener is sent."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from service_parts import RESULT, House

from lipsmith.database.tables import webhook_deliveries, webhooks
from lipsmith.errors import Suspended, Unauthorized
from lipsmith.service.billing.accounts import TOKEN_DAYS


def test_halves_have_the_lengths_that_receivers_need(house: House) -> None:
    made = house.accounts.create("pro")
    client = house.accounts.client(made.account.id)
    assert client is not None
    assert (client.id, client.secret) == (made.account.client_id, made.client_secret)
    assert (len(client.id), len(client.secret)) == (16, 24)
    assert (client.id + client.secret).isascii()


def test_a_token_opens_until_its_time_is_over(house: House) -> None:
    made = house.accounts.create("pro")
    token = house.accounts.make_token(made.account.client_id, made.client_secret)
    assert house.accounts.authenticate_token(token).id == made.account.id
    assert house.accounts.authenticate_secret(made.client_secret).id == made.account.id
    house.clock.pass_s(TOKEN_DAYS * 86_400 - 1)
    assert house.accounts.authenticate_token(token).id == made.account.id
    house.clock.pass_s(1)
    with pytest.raises(Unauthorized):
        house.accounts.authenticate_token(token)


def test_wrong_halves_and_forged_tokens_open_nothing(house: House) -> None:
    one, other = house.accounts.create("pro"), house.accounts.create("pro")
    for client_id, secret in ((one.account.client_id, other.client_secret), ("", ""), (one.account.client_id, "é")):
        with pytest.raises(Unauthorized):
            house.accounts.make_token(client_id, secret)
    token = house.accounts.make_token(one.account.client_id, one.client_secret)
    for forged in ("", "é", token[:-2], house.encryptor.seal(one.client_secret), house.encryptor.seal("a:b:c:d")):
        with pytest.raises(Unauthorized):
            house.accounts.authenticate_token(forged)


def test_renewed_credentials_shut_the_old_ones_out(house: House) -> None:
    made = house.accounts.create("pro")
    token = house.accounts.make_token(made.account.client_id, made.client_secret)
    fresh = house.accounts.renew_client(made.account.id)
    assert house.accounts.client(made.account.id) == fresh
    assert house.accounts.authenticate_secret(fresh.secret).id == made.account.id
    with pytest.raises(Unauthorized):
        house.accounts.authenticate_token(token)
    with pytest.raises(Unauthorized):
        house.accounts.authenticate_secret(made.client_secret)


def test_a_suspended_account_is_told_apart(house: House) -> None:
    made = house.accounts.create("pro")
    token = house.accounts.make_token(made.account.client_id, made.client_secret)
    house.accounts.suspend(made.account.id)
    for attempt in (
        lambda: house.accounts.authenticate(made.api_key),
        lambda: house.accounts.authenticate_token(token),
        lambda: house.accounts.authenticate_secret(made.client_secret),
        lambda: house.accounts.make_token(made.account.client_id, made.client_secret),
    ):
        with pytest.raises(Suspended, match=r"^Unauthorized$"):
            attempt()


def test_a_listener_of_one_project_hears_of_no_other(house: House) -> None:
    account = house.account()
    mine = house.order(account, webhook="https://example.org/hook")
    house.order(account)
    for project in house.projects.list(account.id):
        attempt = house.lifecycle.begin(house.job(project), "w")
        assert attempt is not None
        assert house.lifecycle.complete(attempt, RESULT)
    with house.database.read() as conn:
        told = conn.execute(sa.select(webhook_deliveries.c.project, webhook_deliveries.c.event)).all()
    assert set(told) == {(mine.id, "started"), (mine.id, "completed")}
    assert house.webhooks.all() == []
    assert house.value(sa.select(webhooks.c.project)) == mine.id
