"""The command `lipsmith`: puts the commands together, and turns what went wrong into words and an exit code."""

from __future__ import annotations

import json
import sys
import traceback
from typing import Annotated

import typer

import lipsmith
from lipsmith.cli.doctor import doctor
from lipsmith.cli.interrupt import Interrupt
from lipsmith.cli.talk import demo, talk
from lipsmith.cli.voices import voices
from lipsmith.errors import Cancelled, InputError, LipsmithError

DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
"""Exit codes: all is well; something failed; the input or the command line needs mending; Ctrl-C."""

app = typer.Typer(
    name="lipsmith",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # one plain form of help, the same at every terminal width and in the documentation
)
app.command()(talk)
app.command()(demo)
app.command()(voices)
app.command()(doctor)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"lipsmith {lipsmith.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Makes a portrait speak: a picture and a recording (or a text) become a talking video, on your own machine."""


def main() -> None:
    """Runs the command line and leaves with its exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Runs one command and answers its exit code."""
    as_json = "--json" in arguments
    interrupt = Interrupt()
    interrupt.listen()
    error: LipsmithError = Cancelled()
    code = INTERRUPTED
    try:
        left_with = app(arguments, prog_name="lipsmith", standalone_mode=False, obj=interrupt)
        if left_with != INTERRUPTED:
            return left_with if isinstance(left_with, int) else DONE
    except (KeyboardInterrupt, typer.Abort):
        pass
    except typer.TyperException as usage:
        return _complain("invalid_option", f"{usage.format_message()} `lipsmith --help` helps.", BAD_INPUT, as_json)
    except LipsmithError as known:
        if not (interrupt.seen or isinstance(known, Cancelled)):
            code, error = (BAD_INPUT if isinstance(known, InputError) else FAILED), known
    except Exception as bug:
        if not interrupt.seen:  # else a library turned the interruption into an error of its own
            traceback.print_exc()
            message = f"lipsmith made a mistake ({type(bug).__name__}: {bug}). Please report it with the lines above."
            code, error = FAILED, LipsmithError(message)
    return _complain(error.code, error.message, code, as_json)


def _complain(code: str, message: str, exit_code: int, as_json: bool) -> int:
    """One paragraph on stderr, and one JSON object on stdout where the caller reads JSON."""
    typer.echo(f"lipsmith: {' '.join(message.split())} [{code}]", err=True)
    if as_json:
        typer.echo(json.dumps({"error": {"code": code, "message": message}}, ensure_ascii=False))
    return exit_code
