"""Accounts, their API keys and client credentials, and their plans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from lipsmith.database.connection import Database
from lipsmith.database.tables import accounts, api_keys
from lipsmith.errors import InvalidOption
from lipsmith.limits import DAY_MS
from lipsmith.service.billing import credits, keys
from lipsmith.service.billing.encryption import Encryptor
from lipsmith.service.billing.plans import DEFAULT_PLANS, Plan
from lipsmith.service.errors import NotFound, Suspended, Unauthorized
from lipsmith.service.processes.clock import Clock

TOKEN_DAYS = 400
"""Lifetime of a token."""
_TOKEN = "token"


@dataclass(frozen=True, kw_only=True)
class Account:
    """Account that may create projects."""

    id: str
    email: str | None
    plan: Plan
    client_id: str
    """Public half of its client credentials."""
    suspended: bool
    created_ms: int


@dataclass(frozen=True, kw_only=True)
class NewAccount:
    """New account, with the secrets that are shown only now."""

    account: Account
    credits: int
    api_key: str
    client_secret: str


@dataclass(frozen=True, kw_only=True)
class Client:
    """Client credentials of an account: an alternative to its API keys."""

    id: str
    secret: str


@dataclass(frozen=True, kw_only=True)
class Key:
    """API key, without its text."""

    id: str
    account: str
    prefix: str
    created_ms: int
    revoked_ms: int | None


class Accounts:
    """Create, change and authenticate accounts."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        encryptor: Encryptor,
        plans: Mapping[str, Plan] = DEFAULT_PLANS,
        *,
        key_prefix: str = keys.DEFAULT_PREFIX,
    ) -> None:
        self._database, self._clock, self._encryptor = database, clock, encryptor
        self.plans, self._key_prefix = plans, key_prefix

    def create(self, plan: str, *, credits_given: int | None = None, email: str | None = None) -> NewAccount:
        """Create an account with a first key. Without ``credits_given`` it gets the credits of its plan."""
        limits = self._plan(plan)
        given = limits.credits if credits_given is None else _checked_amount(credits_given)
        client_id, secret = keys.make_client()
        now_ms = self._clock.now_ms()
        account = Account(
            id=self._clock.new_id(),
            email=email,
            plan=limits,
            client_id=client_id,
            suspended=False,
            created_ms=now_ms,
        )
        with self._database.write() as conn:
            conn.execute(
                accounts.insert().values(
                    id=account.id,
                    email=email,
                    plan=plan,
                    suspended=False,
                    created_ms=now_ms,
                    **self._client_columns(client_id, secret),
                )
            )
            credits.grant(conn, account.id, given, now_ms, day=credits.day_of(now_ms))
            api_key = self._add_key(conn, account.id)[1]
        return NewAccount(account=account, credits=given, api_key=api_key, client_secret=secret)

    def authenticate(self, api_key: str) -> Account:
        """Return the account of an API key. Raises Unauthorized, with the same message for every reason."""
        if not keys.could_be_key(api_key):
            raise Unauthorized()
        query = sa.select(accounts).join(api_keys, api_keys.c.account == accounts.c.id)
        return self._authenticated(
            query.where(api_keys.c.sha256 == keys.digest(api_key), api_keys.c.revoked_ms.is_(None))
        )

    def authenticate_secret(self, secret: str) -> Account:
        """Return the account whose client secret this is. Raises Unauthorized or Suspended."""
        return self._authenticated(sa.select(accounts).where(accounts.c.client_sha256 == keys.digest(secret)))

    def authenticate_token(self, token: str) -> Account:
        """Return the account of a token, which is valid until it expires or its credentials are renewed."""
        try:
            kind, account, fingerprint, until_ms = self._encryptor.open(token).split(":")
        except (InvalidOption, ValueError):
            raise Unauthorized() from None
        if kind != _TOKEN or int(until_ms) <= self._clock.now_ms():
            raise Unauthorized()
        return self._authenticated(
            sa.select(accounts).where(accounts.c.id == account, accounts.c.client_sha256 == fingerprint)
        )

    def make_token(self, client_id: str, secret: str) -> str:
        """Make a token for client credentials. Raises Unauthorized or Suspended."""
        fingerprint = keys.digest(secret)
        match = accounts.c.client_sha256 == fingerprint, accounts.c.client_id == client_id
        account = self._authenticated(sa.select(accounts).where(*match))
        until_ms = self._clock.now_ms() + TOKEN_DAYS * DAY_MS
        return self._encryptor.seal(f"{_TOKEN}:{account.id}:{fingerprint}:{until_ms}")

    def client(self, account: str) -> Client | None:
        """Return the client credentials, which sign webhooks; None if there are none. Raises NotFound."""
        with self._database.read() as conn:
            row = _require(conn.execute(sa.select(accounts).where(accounts.c.id == account)).first(), account)
        return Client(id=row.client_id, secret=self._encryptor.open(row.client_sealed)) if row.client_sealed else None

    def renew_client(self, account: str) -> Client:
        """Renew the client credentials, which revokes the old ones and their tokens. Raises NotFound."""
        client_id, secret = keys.make_client()
        self._change(account, **self._client_columns(client_id, secret))
        return Client(id=client_id, secret=secret)

    def show(self, account: str) -> Account:
        """Return an account. Raises NotFound."""
        with self._database.read() as conn:
            return self._found(conn, account)

    def all(self) -> Sequence[Account]:
        """Return all accounts, the oldest first."""
        with self._database.read() as conn:
            return [self._account(row) for row in conn.execute(sa.select(accounts).order_by(accounts.c.created_ms))]

    def balance(self, account: str) -> int:
        """Return the credits left."""
        with self._database.read() as conn:
            return credits.balance(conn, account)

    def todays_balance(self, account: Account) -> int:
        """Return the credits left. The first call of a day grants the daily credits."""
        now_ms, daily = self._clock.now_ms(), account.plan.daily_credits
        with self._database.read() as conn:
            if not daily or credits.had(conn, account.id, credits.day_of(now_ms)):
                return credits.balance(conn, account.id)
        with self._database.write() as conn:
            credits.grant_daily(conn, account.id, daily, now_ms)
            return credits.balance(conn, account.id)

    def grant(self, account: str, amount: int) -> int:
        """Grant credits, or take them if negative. Return the new balance. Raises NotFound."""
        with self._database.write() as conn:
            self._found(conn, account)
            credits.grant(conn, account, _checked_amount(amount), self._clock.now_ms())
            return credits.balance(conn, account)

    def set_plan(self, account: str, plan: str) -> Account:
        """Change the plan; the credits stay. Raises NotFound or InvalidOption."""
        return self._change(account, plan=self._plan(plan).name)

    def suspend(self, account: str, *, suspended: bool = True) -> Account:
        """Suspend an account, or end the suspension. Raises NotFound."""
        return self._change(account, suspended=suspended)

    def add_key(self, account: str) -> tuple[Key, str]:
        """Add an API key. Return it with its text, which is not stored. Raises NotFound."""
        with self._database.write() as conn:
            self._found(conn, account)
            return self._add_key(conn, account)

    def keys(self, account: str | None = None) -> Sequence[Key]:
        """Return the keys of one account, or of all, the oldest first."""
        query = sa.select(api_keys).order_by(api_keys.c.created_ms, api_keys.c.id)
        if account is not None:
            query = query.where(api_keys.c.account == account)
        with self._database.read() as conn:
            return [_key(row) for row in conn.execute(query)]

    def revoke_key(self, key: str) -> Key:
        """Revoke an API key. Raises NotFound."""
        change = (
            api_keys.update()
            .where(api_keys.c.id == key)
            .values(revoked_ms=sa.func.coalesce(api_keys.c.revoked_ms, self._clock.now_ms()))
            .returning(api_keys)
        )
        with self._database.write() as conn:
            row = conn.execute(change).first()
        if row is None:
            raise NotFound(f"There is no key {key!r}. `lipsmith key list` shows all.")
        return _key(row)

    def _add_key(self, conn: sa.Connection, account: str) -> tuple[Key, str]:
        text = keys.make_key(self._key_prefix)
        key = Key(
            id=self._clock.new_id(),
            account=account,
            prefix=keys.shown(text),
            created_ms=self._clock.now_ms(),
            revoked_ms=None,
        )
        conn.execute(
            api_keys.insert().values(
                id=key.id, account=account, prefix=key.prefix, sha256=keys.digest(text), created_ms=key.created_ms
            )
        )
        return key, text

    def _authenticated(self, query: sa.Select[Any]) -> Account:
        with self._database.read() as conn:
            row = conn.execute(query).first()
        if row is None:
            raise Unauthorized()
        if row.suspended:
            raise Suspended()
        return self._account(row)

    def _client_columns(self, client_id: str, secret: str) -> dict[str, str]:
        sealed = self._encryptor.seal(secret)
        return {"client_id": client_id, "client_sha256": keys.digest(secret), "client_sealed": sealed}

    def _change(self, account: str, **values: Any) -> Account:
        with self._database.write() as conn:
            row = conn.execute(
                accounts.update().where(accounts.c.id == account).values(**values).returning(accounts)
            ).first()
        return self._account(_require(row, account))

    def _plan(self, name: str) -> Plan:
        try:
            return self.plans[name]
        except KeyError:
            raise InvalidOption(f"There is no plan {name!r}. Choose one of {', '.join(self.plans)}.") from None

    def _account(self, row: sa.Row[Any]) -> Account:
        return Account(
            id=row.id,
            email=row.email,
            plan=self._plan(row.plan),
            client_id=row.client_id,
            suspended=row.suspended,
            created_ms=row.created_ms,
        )

    def _found(self, conn: sa.Connection, account: str) -> Account:
        return self._account(
            _require(conn.execute(sa.select(accounts).where(accounts.c.id == account)).first(), account)
        )


def _require(row: sa.Row[Any] | None, account: str) -> sa.Row[Any]:
    if row is None:
        raise NotFound(f"There is no account {account!r}. `lipsmith account list` shows all.")
    return row


def _checked_amount(amount: int) -> int:
    if not -(10**12) <= amount <= 10**12:
        raise InvalidOption(f"{amount} credits are out of range. Use at most 10^12.")
    return amount


def _key(row: sa.Row[Any]) -> Key:
    return Key(id=row.id, account=row.account, prefix=row.prefix, created_ms=row.created_ms, revoked_ms=row.revoked_ms)
