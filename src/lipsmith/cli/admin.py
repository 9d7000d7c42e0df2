"""The commands of the person who runs a server: accounts, keys, webhooks, projects. They work while it runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lipsmith.cli import listing
from lipsmith.cli.extra import server_extra
from lipsmith.cli.serve import DataDir, settings

if TYPE_CHECKING:
    from lipsmith.server.context import Context
    from lipsmith.service.billing.accounts import Account

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Plan = Annotated[str | None, typer.Option("--plan", metavar="PLAN", help="Plan. [default: the smallest]")]
AccountId = Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account's id.")]
OfAccount = Annotated[str | None, typer.Option("--account", metavar="ACCOUNT", help="Only this account's.")]
ProjectId = Annotated[str, typer.Argument(metavar="PROJECT", help="The project's id.")]
WebhookId = Annotated[str, typer.Argument(metavar="WEBHOOK", help="The webhook's id.")]

COLUMNS: Mapping[str, Mapping[str, str]] = {
    "accounts": {
        "id": "ACCOUNT",
        "plan": "PLAN",
        "credits": "CREDITS",
        "suspended": "SUSPENDED",
        "created_ms": "MADE",
        "email": "EMAIL",
    },
    "keys": {
        "id": "KEY",
        "prefix": "BEGINS WITH",
        "account": "ACCOUNT",
        "created_ms": "MADE",
        "revoked_ms": "REVOKED",
    },
    "webhooks": {
        "id": "WEBHOOK",
        "account": "ACCOUNT",
        "dialect": "DIALECT",
        "events": "EVENTS",
        "disabled": "DISABLED",
        "created_ms": "MADE",
        "url": "URL",
    },
    "deliveries": {
        "id": "DELIVERY",
        "webhook": "WEBHOOK",
        "project": "PROJECT",
        "event": "EVENT",
        "state": "STATE",
        "attempt": "TRIES",
        "status": "STATUS",
        "created_ms": "SINCE",
        "answer": "ANSWER",
    },
    "projects": {
        "id": "PROJECT",
        "account": "ACCOUNT",
        "kind": "KIND",
        "state": "STATE",
        "credits": "CREDITS",
        "created_ms": "ASKED",
        "name": "NAME",
        "error": "ERROR",
    },
}
"""What people see of a list, in order: each field with its header."""
ALL = {"webhooks": {"account": "all", "events": "all"}}
"""What an empty field of a list stands for."""


def account_create(
    plan: Plan = None,
    credits: Annotated[int | None, typer.Option("--credits", metavar="N", help="Instead of the plan's own.")] = None,
    email: Annotated[str | None, typer.Option("--email", metavar="EMAIL", help="Shown to its owner.")] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make an account, and show its key and secret this once."""
    with _context(data_dir) as context:
        made = context.accounts.create(plan or next(iter(context.accounts.plans)), credits_given=credits, email=email)
    told = _account(made.account, made.credits)
    _tell(told | {"api_key": made.api_key, "client_secret": made.client_secret}, as_json)


def account_list(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List all accounts."""
    with _context(data_dir) as context:
        told = [_account(account, context.accounts.balance(account.id)) for account in context.accounts.all()]
    _tell_all("accounts", told, as_json)


def account_show(account: AccountId, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show one account."""
    with _context(data_dir) as context:
        _tell(_account(context.accounts.show(account), context.accounts.balance(account)), as_json)


def account_grant(
    account: AccountId,
    credits: Annotated[int, typer.Argument(metavar="CREDITS", help="How many; negative takes them.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Give credits to an account."""
    with _context(data_dir) as context:
        left = context.accounts.grant(account, credits)
        _tell(_account(context.accounts.show(account), left), as_json)


def account_plan(
    account: AccountId,
    plan: Annotated[str, typer.Argument(metavar="PLAN", help="The new plan.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Move an account to another plan. Its credits stay."""
    with _context(data_dir) as context:
        _tell(_account(context.accounts.set_plan(account, plan), context.accounts.balance(account)), as_json)


def account_suspend(
    account: AccountId,
    undo: Annotated[bool, typer.Option("--undo", help="Let it in again.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Close the door to an account: none of its keys opens anything."""
    with _context(data_dir) as context:
        changed = context.accounts.suspend(account, suspended=not undo)
        _tell(_account(changed, context.accounts.balance(account)), as_json)


def account_credentials(account: AccountId, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Give an account a new client id and client secret, and show them this once; the old ones open nothing any more.

    They are an alternative to API keys, for clients that need an id and a secret.
    """
    with _context(data_dir) as context:
        client = context.accounts.renew_client(account)
    _tell({"account": account, "client_id": client.id, "client_secret": client.secret}, as_json)


def key_create(account: AccountId, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Make a further key for an account, and show it this once."""
    with _context(data_dir) as context:
        key, text = context.accounts.add_key(account)
    _tell(asdict(key) | {"api_key": text}, as_json)


def key_list(account: OfAccount = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List keys by their beginnings."""
    with _context(data_dir) as context:
        _tell_all("keys", [asdict(key) for key in context.accounts.keys(account)], as_json)


def key_revoke(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The key's id, not the key itself.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """From now on a key opens nothing."""
    with _context(data_dir) as context:
        _tell(asdict(context.accounts.revoke_key(key)), as_json)


def webhook_add(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where events are sent.")],
    account: Annotated[
        str | None, typer.Option("--account", metavar="ACCOUNT", help="Whose events; all accounts' without.")
    ] = None,
    event: Annotated[
        list[str] | None, typer.Option("--event", metavar="EVENT", help="Which events; all without. May be repeated.")
    ] = None,
    dialect: Annotated[
        str | None, typer.Option("--dialect", metavar="NAME", help="API whose events to send. [default: the first]")
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Send events to a URL, and show the secret that signs them this once."""
    with _context(data_dir) as context:
        made, credentials = context.webhooks.add(url, account=account, events=tuple(event or ()), dialect=dialect)
        obstacle = context.fetcher.obstacle(url)
    shown = {"client_id": credentials.id} if credentials.id else {}
    _tell(asdict(made) | shown | {"secret": credentials.secret}, as_json, of="webhooks")
    if obstacle:
        cure = f" If it is yours, start the server with LIPSMITH_FETCH_ALLOW={obstacle.place}."
        typer.echo(f"Nothing will arrive there: {obstacle.why}.{cure if obstacle.forbidden else ''}", err=True)


def webhook_list(
    deliveries: Annotated[
        bool, typer.Option("--deliveries", help="What was sent, the newest first, and the answers.")
    ] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List webhooks, or what was sent to them."""
    with _context(data_dir) as context:
        if deliveries:
            _tell_all("deliveries", [asdict(told) for told in context.webhooks.deliveries()], as_json)
        else:
            _tell_all("webhooks", [asdict(webhook) for webhook in context.webhooks.all()], as_json)


def webhook_disable(
    webhook: WebhookId,
    undo: Annotated[bool, typer.Option("--undo", help="Send again.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Send nothing to a webhook any more."""
    with _context(data_dir) as context:
        _tell(asdict(context.webhooks.disable(webhook, disabled=not undo)), as_json, of="webhooks")


def webhook_test(webhook: WebhookId, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Have the running server send a trial event to a webhook; `webhook list --deliveries` tells the answer."""
    with _context(data_dir) as context:
        _tell(asdict(context.webhooks.send_test(webhook)), as_json)


def webhook_redeliver(
    delivery: Annotated[int, typer.Argument(metavar="DELIVERY", help="The delivery's number.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Have the running server send something once more."""
    with _context(data_dir) as context:
        _tell(asdict(context.webhooks.redeliver(delivery)), as_json)


def project_list(account: OfAccount = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the newest projects."""
    with _context(data_dir) as context:
        _tell_all("projects", [asdict(project) for project in context.projects.list(account)], as_json)


def project_show(project: ProjectId, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show one project."""
    with _context(data_dir) as context:
        _tell(asdict(context.projects.find(project)), as_json)


def project_cancel(project: ProjectId, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Stop a project, and give its credits back."""
    with _context(data_dir) as context:
        _tell(asdict(context.projects.cancel(project)), as_json)


def project_delete(project: ProjectId, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Stop a project and forget its video for good."""
    with _context(data_dir) as context:
        context.projects.delete(None, project)
        _tell(asdict(context.projects.find(project)), as_json)


GROUPS: Mapping[str, tuple[str, Mapping[str, Callable[..., None]]]] = {
    "account": (
        "Accounts and their credits.",
        {
            "create": account_create,
            "list": account_list,
            "show": account_show,
            "grant": account_grant,
            "plan": account_plan,
            "suspend": account_suspend,
            "credentials": account_credentials,
        },
    ),
    "key": ("API keys.", {"create": key_create, "list": key_list, "revoke": key_revoke}),
    "webhook": (
        "Who is told what happens.",
        {
            "add": webhook_add,
            "list": webhook_list,
            "disable": webhook_disable,
            "test": webhook_test,
            "redeliver": webhook_redeliver,
        },
    ),
    "project": (
        "What was asked for.",
        {"list": project_list, "show": project_show, "cancel": project_cancel, "delete": project_delete},
    ),
}
"""Group -> what it is about, and its commands by name."""


def add_groups(app: typer.Typer) -> None:
    """Puts all of them into the command line."""
    for name, (about, commands) in GROUPS.items():
        group = typer.Typer(name=name, help=about, no_args_is_help=True, rich_markup_mode=None)
        for command, function in commands.items():
            group.command(command)(function)
        app.add_typer(group)


@contextmanager
def _context(data_dir: Path | None) -> Iterator[Context]:
    with server_extra():
        from lipsmith.server.context import Context

    context = Context(settings(data_dir))
    try:
        context.prepare_tables()
        yield context
    finally:
        context.close()


def _account(account: Account, credits: int) -> dict[str, Any]:
    return asdict(account) | {"plan": account.plan.name, "credits": credits}


def _tell(facts: Mapping[str, Any], as_json: bool, *, of: str = "") -> None:
    """``of``: the list that the record would stand in."""
    if as_json:
        typer.echo(json.dumps(facts))
        return
    for line in listing.facts(_shown(of, facts)):
        typer.echo(line)


def _tell_all(name: str, records: Sequence[Mapping[str, Any]], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({name: records}))
    elif not records:
        typer.echo(f"There are no {name}.")
    else:
        for line in listing.table([_shown(name, record) for record in records], COLUMNS[name]):
            typer.echo(line)


def _shown(name: str, record: Mapping[str, Any]) -> Mapping[str, Any]:
    return {field: value or ALL.get(name, {}).get(field, value) for field, value in record.items()}
