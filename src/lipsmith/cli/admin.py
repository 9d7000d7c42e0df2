"""Commands for administrators of a server: accounts, keys, webhooks, projects. They work while it runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
        "created_ms": "CREATED",
        "email": "EMAIL",
    },
    "keys": {
        "id": "KEY",
        "prefix": "PREFIX",
        "account": "ACCOUNT",
        "created_ms": "CREATED",
        "revoked_ms": "REVOKED",
    },
    "webhooks": {
        "id": "WEBHOOK",
        "account": "ACCOUNT",
        "dialect": "DIALECT",
        "events": "EVENTS",
        "disabled": "DISABLED",
        "created_ms": "CREATED",
        "url": "URL",
    },
    "deliveries": {
        "id": "DELIVERY",
        "webhook": "WEBHOOK",
        "project": "PROJECT",
        "event": "EVENT",
        "state": "STATE",
        "attempt": "ATTEMPTS",
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
        "created_ms": "REQUESTED",
        "name": "NAME",
        "error": "ERROR",
    },
}
"""Columns of each list, in order: field and header."""
ALL = {"webhooks": {"account": "all", "events": "all"}}
"""Text for an empty field of a list."""


def account_create(
    plan: Plan = None,
    credits: Annotated[
        int | None, typer.Option("--credits", metavar="N", help="Credits, instead of the plan's own.")
    ] = None,
    email: Annotated[str | None, typer.Option("--email", metavar="EMAIL", help="Email address of the owner.")] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Create an account, and show its key and secret once."""
    with _context(data_dir) as context:
        made = context.accounts.create(plan or next(iter(context.accounts.plans)), credits_given=credits, email=email)
    _print_row(
        _account(made.account, made.credits) | {"api_key": made.api_key, "client_secret": made.client_secret}, as_json
    )


def account_list(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List all accounts."""
    with _context(data_dir) as context:
        rows = [_account(account, context.accounts.balance(account.id)) for account in context.accounts.all()]
    _print_rows("accounts", rows, as_json)


def account_show(account: AccountId, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show one account."""
    with _context(data_dir) as context:
        _print_row(_account(context.accounts.show(account), context.accounts.balance(account)), as_json)


def account_grant(
    account: AccountId,
    credits: Annotated[
        int, typer.Argument(metavar="CREDITS", help="Number of credits; a negative number takes them away.")
    ],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Grant credits to an account."""
    with _context(data_dir) as context:
        left = context.accounts.grant(account, credits)
        _print_row(_account(context.accounts.show(account), left), as_json)


def account_plan(
    account: AccountId,
    plan: Annotated[str, typer.Argument(metavar="PLAN", help="New plan.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Change the plan of an account. Its credits stay."""
    with _context(data_dir) as context:
        _print_row(_account(context.accounts.set_plan(account, plan), context.accounts.balance(account)), as_json)


def account_suspend(
    account: AccountId,
    undo: Annotated[bool, typer.Option("--undo", help="Reactivate the account.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Suspend an account: its keys are refused."""
    with _context(data_dir) as context:
        changed = context.accounts.suspend(account, suspended=not undo)
        _print_row(_account(changed, context.accounts.balance(account)), as_json)


def account_credentials(account: AccountId, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Create a new client id and client secret for an account, and show them once. The old ones are revoked.

    They are an alternative to API keys, for clients that need an id and a secret.
    """
    with _context(data_dir) as context:
        client = context.accounts.renew_client(account)
    _print_row({"account": account, "client_id": client.id, "client_secret": client.secret}, as_json)


def key_create(account: AccountId, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Create another API key for an account, and show it once."""
    with _context(data_dir) as context:
        key, text = context.accounts.add_key(account)
    _print_row(asdict(key) | {"api_key": text}, as_json)


def key_list(account: OfAccount = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List API keys by their first characters."""
    with _context(data_dir) as context:
        _print_rows("keys", [asdict(key) for key in context.accounts.keys(account)], as_json)


def key_revoke(
    key: Annotated[str, typer.Argument(metavar="KEY", help="Id of the key, not the key itself.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Revoke an API key."""
    with _context(data_dir) as context:
        _print_row(asdict(context.accounts.revoke_key(key)), as_json)


def webhook_add(
    url: Annotated[str, typer.Argument(metavar="URL", help="Address that events are sent to.")],
    account: Annotated[
        str | None, typer.Option("--account", metavar="ACCOUNT", help="Account whose events are sent. [default: all]")
    ] = None,
    event: Annotated[
        list[str] | None,
        typer.Option("--event", metavar="EVENT", help="Event to send; may be repeated. [default: all]"),
    ] = None,
    dialect: Annotated[
        str | None, typer.Option("--dialect", metavar="NAME", help="API whose events to send. [default: the first]")
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Add a webhook, and show once the secret that signs its events."""
    with _context(data_dir) as context:
        made, credentials = context.webhooks.add(url, account=account, events=tuple(event or ()), dialect=dialect)
        obstacle = context.fetcher.obstacle(url)
    shown = {"client_id": credentials.id} if credentials.id else {}
    _print_row(asdict(made) | shown | {"secret": credentials.secret}, as_json, of="webhooks")
    if obstacle:
        cure = f" If it is yours, start the server with LIPSMITH_FETCH_ALLOW={obstacle.entry}."
        typer.echo(f"Events will not arrive: {obstacle.why}.{cure if obstacle.forbidden else ''}", err=True)


def webhook_list(
    deliveries: Annotated[
        bool, typer.Option("--deliveries", help="List deliveries with their answers, the newest first.")
    ] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List webhooks, or the deliveries to them."""
    with _context(data_dir) as context:
        if deliveries:
            _print_rows("deliveries", [asdict(delivery) for delivery in context.webhooks.deliveries()], as_json)
        else:
            _print_rows("webhooks", [asdict(webhook) for webhook in context.webhooks.all()], as_json)


def webhook_disable(
    webhook: WebhookId,
    undo: Annotated[bool, typer.Option("--undo", help="Enable the webhook again.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Disable a webhook: no events are sent to it."""
    with _context(data_dir) as context:
        _print_row(asdict(context.webhooks.disable(webhook, disabled=not undo)), as_json, of="webhooks")


def webhook_test(webhook: WebhookId, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Send a test event to a webhook, by the running server. `webhook list --deliveries` shows the answer."""
    with _context(data_dir) as context:
        _print_row(asdict(context.webhooks.send_test(webhook)), as_json)


def webhook_redeliver(
    delivery: Annotated[int, typer.Argument(metavar="DELIVERY", help="Number of the delivery.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Send a delivery again, by the running server."""
    with _context(data_dir) as context:
        _print_row(asdict(context.webhooks.redeliver(delivery)), as_json)


def project_list(account: OfAccount = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the newest projects."""
    with _context(data_dir) as context:
        _print_rows("projects", [asdict(project) for project in context.projects.list(account)], as_json)


def project_show(project: ProjectId, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show one project."""
    with _context(data_dir) as context:
        _print_row(asdict(context.projects.find(project)), as_json)


def project_cancel(project: ProjectId, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Cancel a project, and refund its credits."""
    with _context(data_dir) as context:
        _print_row(asdict(context.projects.cancel(project)), as_json)


def project_delete(project: ProjectId, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Cancel a project and delete its result."""
    with _context(data_dir) as context:
        context.projects.delete(None, project)
        _print_row(asdict(context.projects.find(project)), as_json)


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
        "Webhooks and their deliveries.",
        {
            "add": webhook_add,
            "list": webhook_list,
            "disable": webhook_disable,
            "test": webhook_test,
            "redeliver": webhook_redeliver,
        },
    ),
    "project": (
        "Requested videos and voices.",
        {"list": project_list, "show": project_show, "cancel": project_cancel, "delete": project_delete},
    ),
}
"""Group -> its help, and its commands by name."""


def add_groups(app: typer.Typer) -> None:
    """Add all groups to the command line."""
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


def _account(account: Account, credits: int) -> dict[str, object]:
    return asdict(account) | {"plan": account.plan.name, "credits": credits}


def _print_row(row: listing.Row, as_json: bool, *, of: str = "") -> None:
    """Print one record; ``of`` names the list that has its kind of record."""
    typer.echo(json.dumps(row) if as_json else "\n".join(listing.lines(_with_words(of, row))))


def _print_rows(name: str, rows: Sequence[listing.Row], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({name: rows}))
    elif not rows:
        typer.echo(f"There are no {name}.")
    else:
        typer.echo("\n".join(listing.table([_with_words(name, row) for row in rows], COLUMNS[name])))


def _with_words(name: str, row: listing.Row) -> listing.Row:
    """Row with words for its empty fields."""
    return {field: value or ALL.get(name, {}).get(field, value) for field, value in row.items()}
