"""Keys are recognised by their form, and kept only as what cannot be turned back."""

from __future__ import annotations

import re

import pytest
from service_parts import ServiceParts

from lipsmith.errors import InvalidOption
from lipsmith.service.billing.encryption import Encryptor
from lipsmith.service.billing.keys import could_be_key, digest, make_key, shown
from lipsmith.service.errors import NotFound, Unauthorized


def test_a_key_has_its_form() -> None:
    key = make_key()
    assert re.fullmatch(r"lsk_[0-9A-Za-z]{36}", key)
    assert could_be_key(key)
    assert not could_be_key(key[:-1])
    assert not could_be_key(key[:-1] + ("a" if key[-1] != "a" else "b"))
    assert not could_be_key(key.replace("lsk", "kls"))
    assert not could_be_key("ä" * 45)
    assert len(digest(key)) == 64
    other = make_key("abc_live_")
    assert re.fullmatch(r"abc_live_[0-9A-Za-z]{36}", other)
    assert could_be_key(other)
    assert (shown(key), shown(other)) == (key[:8], other[:13])


def test_sealed_is_not_readable_and_opens_again() -> None:
    sealed = Encryptor(b"x" * 32).seal("whsec_secret")
    assert "secret" not in sealed
    assert Encryptor(b"x" * 32).open(sealed) == "whsec_secret"


def test_older_secrets_open_and_seal_no_more() -> None:
    old, new = Encryptor(b"o" * 32), Encryptor(b"n" * 32)
    both = Encryptor(b"n" * 32, b"o" * 32)
    sealed = old.seal("whsec_secret")
    assert both.open(sealed) == "whsec_secret"
    assert new.open(both.seal("whsec_new")) == "whsec_new"
    renewed = both.renewed(sealed)
    assert renewed is not None
    assert new.open(renewed) == "whsec_secret"
    assert both.renewed(renewed) is None
    assert new.renewed(sealed) is None
    with pytest.raises(InvalidOption):
        new.open(sealed)


def test_doors(service: ServiceParts) -> None:
    made = service.accounts.create("free", credits_given=7, email="a@example.org")
    assert service.accounts.authenticate(made.api_key) == made.account
    assert service.accounts.balance(made.account.id) == 7
    key, text = service.accounts.add_key(made.account.id)
    service.accounts.revoke_key(key.id)
    for wrong in (text, make_key(), "", "lsk_x"):
        with pytest.raises(Unauthorized, match=r"^Unauthorized$"):
            service.accounts.authenticate(wrong)
    service.accounts.suspend(made.account.id)
    with pytest.raises(Unauthorized):
        service.accounts.authenticate(made.api_key)
    service.accounts.suspend(made.account.id, suspended=False)
    assert service.accounts.set_plan(made.account.id, "business").plan.name == "business"
    assert service.accounts.authenticate(made.api_key).plan.name == "business"
    assert service.accounts.grant(made.account.id, 5) == 12
    with pytest.raises(NotFound):
        service.accounts.grant("nobody", 5)
