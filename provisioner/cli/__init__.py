"""The command `provision`: streams, environment and exit codes; everything else is below.

Command modules are imported when they are run, so that `provision --help` costs a bare click
program. This is the one place that catches whatever was not foreseen.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Any, Final

import click

from provisioner import __version__
from provisioner.cli._run import Run
from provisioner.errors import ProvisionError

USAGE: Final = 64
INTERRUPTED: Final = 130
SIGNALLED: Final = 128
"""To which the number of the signal is added that ended the run, as shells do: 130 after ^C, 143 after SIGTERM."""

COMMANDS: Final = {
    "init": "Write a small site to begin with.",
    "check": "Judge a site file alone: syntax, keys, names, rules.",
    "render": "Write every file that the site comes to.",
    "plan": "Show the difference to the live cluster; never writes to it.",
    "apply": "Plan, judge, ask, apply in order, read back.",
    "import": "Write what lives in the cluster into a site.",
    "adopt": "Take over what already lives in the cluster, as it is.",
    "drift": "Whether somebody else changed what the site manages.",
    "access": "Who can call what, and by which rule.",
    "tools": "Pin the tools of MCP servers, and see what became of them.",
    "try": "Run an MCP server as a bot would see it.",
    "snapshot": "Record the live state, without secrets.",
    "local": "Make an embedded cluster: one file that behaves as Teleport does.",
    "install": "Merge a bot's files into those of this machine.",
    "doctor": "See whether tctl, versions and permissions will do.",
    "schema": "Print the site file's JSON Schema.",
}

_MODULES: Final = {"import": "import_", "try": "try_"}
"""Where a command is called as no module can be."""


class LazyGroup(click.Group):
    """A group whose commands live in `provisioner.cli.NAME` and are imported when needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the commands in the order of the work."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return one command."""
        if cmd_name not in COMMANDS:
            return None
        name = _MODULES.get(cmd_name, cmd_name)
        command = importlib.import_module(f"provisioner.cli.{name}").command
        return command if isinstance(command, click.Command) else None

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; click would print a blank line for a signal that ends it."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise click.Abort from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands from the table, without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


# Whether to paint is decided here, by --color: with `color` click strips nothing afterwards.
@click.command(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "color": True}
)
@click.version_option(__version__, prog_name="provision")
def provision() -> None:
    """Manage Teleport's MCP access as code: one site.yaml, one plan, one apply."""


def main(argv: Sequence[str] | None = None, run: Run | None = None) -> int:
    """Run the command line and return its exit code; nothing is raised."""
    run = run or Run(argv or ())
    return run.end(_run(argv, run))


def _run(argv: Sequence[str] | None, run: Run) -> int:
    try:
        code = provision.main(args=argv, prog_name="provision", standalone_mode=False, obj=run)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.UsageError as error:
        return _misused(error, run)
    except (click.Abort, KeyboardInterrupt):
        return _interrupted(run)
    except BrokenPipeError:
        return 1
    except ProvisionError as error:
        _say(error, run)
        return error.exit_code
    except Exception as error:  # noqa: BLE001
        if isinstance(error, OSError) and error.filename is None:  # no file of ours
            return _unwritable(error, run)
        import traceback

        _tell(traceback.format_exc(), run)
        _tell("This is a defect of provision, not of your site: please report it.", run)
        return 1
    return code if isinstance(code, int) else 0


def entry_point() -> None:
    """Run as a program."""
    _open_what_is_closed()
    gc.disable()  # a command keeps what it makes: to look for cycles in it took a fifth of a large plan
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"  # of the MCP SDK: they hear what servers say
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a path can hold any byte
    run, code = Run(sys.argv[1:]), 1
    try:
        with run.signals():
            code = main(run=run)
    except KeyboardInterrupt:  # at the very end, or a second one
        code = SIGNALLED + run.signal
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:  # https://docs.python.org/3/library/signal.html#note-on-sigpipe
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            code = code if isinstance(error, BrokenPipeError) else code or _unwritable(error, run)
    sys.exit(code)


def _open_what_is_closed() -> None:
    """Give the program streams where its caller has closed some: what is said there is said to nobody."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)
            if descriptor != number:
                os.dup2(descriptor, number)
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


def _interrupted(run: Run) -> int:
    """Say that a signal ended the run, on a line of its own, and return the exit code."""
    what = "Interrupted." if run.signal == signal.SIGINT else f"Ended by {run.signal.name}."
    _tell(f"\n{what}" if sys.stderr.isatty() else what, run)
    return SIGNALLED + run.signal


def _misused(error: click.UsageError, run: Run) -> int:
    """Say what is wrong with the command line, and return the exit code."""
    if run.log_format == "json":
        facts = {"message": error.format_message(), "hint": "", "exit_code": USAGE}
        run.teller.fact("error", "error", facts)
    else:
        error.show()
    return USAGE


def _tell(text: str, run: Run) -> None:
    """Say something on stderr, if it can be written to."""
    run.teller.say(text)


def _unwritable(error: OSError, run: Run) -> int:
    """Say that the output has gone nowhere, such as onto a full disk, and return the exit code."""
    _tell(f"error: the output could not be written: {error.strerror}", run)
    return 1


def _say(error: ProvisionError, run: Run) -> None:
    """Tell the user what went wrong and the cure, on stderr."""
    text = importlib.import_module("provisioner.cli._base").error_text(error)
    run.teller.error(error, text)


__all__ = ["COMMANDS", "INTERRUPTED", "USAGE", "entry_point", "main", "provision"]
