"""The second dialect's credentials: made, recognised, renewed; and what a request's own listener is sent."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from service_parts import RESULT, ServiceParts

from lipsmith.database.tables import webhook_deliveries, webhooks
from lipsmith.service.billing.accounts import TOKEN_DAYS
from lipsmith.service.errors import Suspended, Unauthorized


def test_halves_have_the_lengths_that_receivers_need(service: ServiceParts) -> None:
    made = service.accounts.create("business")
    client = service.accounts.client(made.account.id)
    assert client is not None
    assert (client.id, client.secret) == (made.account.client_id, made.client_secret)
    assert (len(client.id), len(client.secret)) == (16, 24)
    assert (client.id + client.secret).isascii()


def test_a_token_opens_until_its_time_is_over(service: ServiceParts) -> None:
    made = service.accounts.create("business")
    token = service.accounts.make_token(made.account.client_id, made.client_secret)
    assert service.accounts.authenticate_token(token).id == made.account.id
    assert service.accounts.authenticate_secret(made.client_secret).id == made.account.id
    service.clock.pass_s(TOKEN_DAYS * 86_400 - 1)
    assert service.accounts.authenticate_token(token).id == made.account.id
    service.clock.pass_s(1)
    with pytest.raises(Unauthorized):
        service.accounts.authenticate_token(token)


def test_wrong_halves_and_forged_tokens_open_nothing(service: ServiceParts) -> None:
    one, other = service.accounts.create("business"), service.accounts.create("business")
    for client_id, secret in ((one.account.client_id, other.client_secret), ("", ""), (one.account.client_id, "é")):
        with pytest.raises(Unauthorized):
            service.accounts.make_token(client_id, secret)
    token = service.accounts.make_token(one.account.client_id, one.client_secret)
    for forged in ("", "é", token[:-2], service.encryptor.seal(one.client_secret), service.encryptor.seal("a:b:c:d")):
        with pytest.raises(Unauthorized):
            service.accounts.authenticate_token(forged)


def test_renewed_credentials_shut_the_old_ones_out(service: ServiceParts) -> None:
    made = service.accounts.create("business")
    token = service.accounts.make_token(made.account.client_id, made.client_secret)
    fresh = service.accounts.renew_client(made.account.id)
    assert service.accounts.client(made.account.id) == fresh
    assert service.accounts.authenticate_secret(fresh.secret).id == made.account.id
    with pytest.raises(Unauthorized):
        service.accounts.authenticate_token(token)
    with pytest.raises(Unauthorized):
        service.accounts.authenticate_secret(made.client_secret)


def test_a_suspended_account_is_told_apart(service: ServiceParts) -> None:
    made = service.accounts.create("business")
    token = service.accounts.make_token(made.account.client_id, made.client_secret)
    service.accounts.suspend(made.account.id)
    for attempt in (
        lambda: service.accounts.authenticate(made.api_key),
        lambda: service.accounts.authenticate_token(token),
        lambda: service.accounts.authenticate_secret(made.client_secret),
        lambda: service.accounts.make_token(made.account.client_id, made.client_secret),
    ):
        with pytest.raises(Suspended, match=r"^Unauthorized$"):
            attempt()


def test_a_listener_of_one_project_hears_of_no_other(service: ServiceParts) -> None:
    account = service.account()
    mine = service.order(account, webhook="https://example.org/hook")
    service.order(account)
    for project in service.projects.list(account.id):
        attempt = service.lifecycle.begin(service.job(project), "w")
        assert attempt is not None
        assert service.lifecycle.complete(attempt, RESULT)
    with service.database.read() as conn:
        told = conn.execute(sa.select(webhook_deliveries.c.project, webhook_deliveries.c.event)).all()
    assert set(told) == {(mine.id, "started"), (mine.id, "completed")}
    assert service.webhooks.all() == []
    assert service.value(sa.select(webhooks.c.project)) == mine.id
