"""The server's own secret, and how another one takes its place."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from lipsmith.database.tables import webhooks
from lipsmith.errors import InvalidOption
from lipsmith.server.context import Context, own_secret
from lipsmith.server.settings import Settings
from lipsmith.service.billing.encryption import Encryptor
from lipsmith.storage.errors import LinkRefused, StorageFailed

KEY = "outputs/a/1/video.mp4"


def test_it_is_made_once_and_is_nobody_elses_to_read(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    with ThreadPoolExecutor(16) as pool:
        found = set(pool.map(lambda _: own_secret(path), range(64)))
    assert [len(secret) for secret in found] == [32]
    assert own_secret(path) in found
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_another_secret_opens_what_the_old_one_signed_and_sealed(tmp_path: Path) -> None:
    before = Context(Settings(data_dir=tmp_path))  # a secret of the data folder
    before.prepare_tables()
    account = before.accounts.create("free")
    made, credentials = before.webhooks.add("https://example.org/hook")
    sealed = sealed_secret(before, made.id)
    first = before.signed_links.download(KEY, lifetime_s=60).url
    before.close()

    between = Context(Settings(data_dir=tmp_path, secret_key=SecretStr("1" * 32)))
    between.prepare()
    second = between.signed_links.download(KEY, lifetime_s=60).url
    for link in (first, second):
        assert may_read(between, link)
    assert sealed_secret(between, made.id) != sealed
    between.close()
    (tmp_path / "secret").unlink()

    settings = Settings(data_dir=tmp_path, secret_key=SecretStr("2" * 32), old_secret_keys=SecretStr(f"x, {'1' * 32}"))
    with pytest.raises(InvalidOption, match="32 bytes"):
        Context(settings)
    after = Context(settings.model_copy(update={"old_secret_keys": SecretStr(f"{'0' * 32}, {'1' * 32}")}))
    after.prepare()
    assert [may_read(after, link) for link in (first, second)] == [False, True]
    assert Encryptor(b"2" * 32).open(sealed_secret(after, made.id)) == credentials.secret
    client = after.accounts.client(account.account.id)
    assert client is not None
    assert client.secret == account.client_secret
    after.close()


def sealed_secret(context: Context, webhook: str) -> str:
    with context.database.read() as conn:
        return str(conn.scalar(sa.select(webhooks.c.secret).where(webhooks.c.id == webhook)))


def may_read(context: Context, url: str) -> bool:
    query = dict(parse_qsl(urlsplit(url).query))
    try:
        return context.signed_links.check("GET", KEY, query).key == KEY
    except LinkRefused:
        return False


def test_a_database_that_is_away_is_told_in_a_sentence(tmp_path: Path) -> None:
    url = SecretStr("postgresql://ada:secret@127.0.0.1:1/none")
    context = Context(Settings(data_dir=tmp_path, database_url=url, secret_key=SecretStr("1" * 32)))
    with pytest.raises(StorageFailed, match=r"^The database cannot be used: .*LIPSMITH_DATABASE_URL\.$") as raised:
        context.prepare_tables()
    assert "secret" not in raised.value.message
    context.close()
