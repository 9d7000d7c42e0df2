"""Command `lipsmith`: all commands together, and errors as messages and exit codes."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sys
import traceback
import warnings
from collections.abc import Mapping
from typing import Annotated

import typer

import lipsmith
from lipsmith.cli.admin import add_groups
from lipsmith.cli.backup import backup, restore
from lipsmith.cli.doctor import doctor
from lipsmith.cli.faces import faces
from lipsmith.cli.interrupt import Interrupt
from lipsmith.cli.request_command import renamed_flags, with_current_flags
from lipsmith.cli.runner import runner
from lipsmith.cli.serve import serve
from lipsmith.cli.speak import speak
from lipsmith.cli.style import add_style
from lipsmith.cli.sync import sync
from lipsmith.cli.talk import demo, talk
from lipsmith.cli.voices import add_voices
from lipsmith.errors import Cancelled, InputError, InvalidOption, LipsmithError
from lipsmith.pipeline import DetectRequest, SpeakRequest, StyleRequest, SyncRequest, TalkRequest
from lipsmith.pipeline.options import Record

DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
"""Exit codes: success; failure; invalid input or usage; Ctrl-C."""

RECORDS: Mapping[str, type[Record]] = {
    "talk": TalkRequest,
    "sync": SyncRequest,
    "speak": SpeakRequest,
    "faces": DetectRequest,
    "style": StyleRequest,
}
"""Commands whose options are the fields of a record."""

app = typer.Typer(
    name="lipsmith",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # one plain form of help, the same at every terminal width and in the documentation
)
app.command()(talk)
app.command()(sync)
app.command()(speak)
app.command()(faces)
app.command()(demo)
app.command()(doctor)
app.command()(serve)
app.command()(runner)
app.command("worker", hidden=True)(runner)  # former name, for one more release
app.command()(backup)
app.command()(restore)
add_style(app)
add_voices(app)
add_groups(app)


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
    """Animate a portrait to speak: a photo and a recording (or a text) become a talking video, on your own machine."""


def main() -> None:
    """Run the command line and exit with its code."""
    # numpy's BLAS then starts no threads, which would compete with those that draw. Beside other programs they wait for
    # each other, and the 14 equations of a new face take 1.9 s instead of 0.1 s of two cores.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.exit(_flushed(run(sys.argv[1:])))


def _flushed(exit_code: int) -> int:
    """Flush stdout, where a full disk shows only now, and return the exit code."""
    try:
        if sys.stdout:
            sys.stdout.flush()
    except OSError as fault:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains once more at its end
        return exit_code or _explain(fault, as_json=False)
    return exit_code


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    as_json = "--json" in arguments
    arguments = _with_current_flags(arguments) or ["--help"]
    interrupt = Interrupt()
    try:
        with interrupt.listening():
            left_with = app(arguments, prog_name="lipsmith", standalone_mode=False, obj=interrupt)
    except (KeyboardInterrupt, typer.Abort, Cancelled):
        left_with = INTERRUPTED
    except Exception as fault:
        if not interrupt.seen:
            return _explain(fault, as_json)
        left_with = INTERRUPTED  # a library turned the interruption into an error of its own
    if left_with == INTERRUPTED:
        return _say(Cancelled.code, Cancelled().message, INTERRUPTED, as_json)
    return left_with if isinstance(left_with, int) else DONE


def _with_current_flags(arguments: list[str]) -> list[str]:
    record = RECORDS.get(next((argument for argument in arguments if not argument.startswith("-")), ""))
    if record is None:
        return arguments
    with warnings.catch_warnings(record=True, action="always") as notes:
        current = with_current_flags(arguments, renamed_flags(record))
    for note in notes:
        typer.echo(f"lipsmith: {note.message}", err=True)
    return current


def _explain(fault: Exception, as_json: bool) -> int:
    if isinstance(fault, LipsmithError):
        exit_code = BAD_INPUT if isinstance(fault, InputError) else FAILED
        return _say(fault.code, fault.message, exit_code, as_json)
    if isinstance(fault, typer.TyperException):  # the command line itself is wrong
        return _say(InvalidOption.code, f"{fault.format_message()} See `lipsmith --help`.", BAD_INPUT, as_json)
    if isinstance(fault, OSError) and fault.errno in (errno.ENOSPC, errno.EPIPE, errno.EIO):
        message = f"The result could not be printed ({fault.strerror}), but the work itself is done."
        return _say(LipsmithError.code, message, FAILED, as_json=False)
    traceback.print_exception(fault, file=sys.stderr or sys.__stderr__)
    message = f"Internal error in lipsmith ({type(fault).__name__}: {fault}). Please report it with the lines above."
    return _say(LipsmithError.code, message, FAILED, as_json)


def _say(code: str, message: str, exit_code: int, as_json: bool) -> int:
    """Print the message on stderr, and with --json one object on stdout."""
    with contextlib.suppress(OSError):  # a closed stderr: the exit code remains
        typer.echo(f"lipsmith: {' '.join(message.split())} [{code}]", err=True)
    if as_json:
        typer.echo(json.dumps({"error": {"code": code, "message": message}}))
    return exit_code
