"""The command `provision`: streams, environment and exit codes; everything else is below.

Command modules are imported when they are run, so that `provision --help` costs a bare click
program. This is the one place that catches whatever was not foreseen.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from io import TextIOWrapper
from typing import Final

import click

from provisioner import __version__
from provisioner.errors import ProvisionError

USAGE: Final = 64
INTERRUPTED: Final = 130
GC_THRESHOLD: Final = 200_000  # a command makes what it keeps: collecting early only costs time

COMMANDS: Final = {
    "init": "Write a small site to begin with.",
    "check": "Judge a site file alone: syntax, keys, names, rules.",
    "render": "Write every file that the site comes to.",
    "plan": "Show the difference to the live cluster; never writes to it.",
    "apply": "Plan, judge, ask, apply in order, read back.",
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

_MODULES: Final = {"try": "try_"}
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


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; nothing is raised."""
    try:
        code = provision.main(args=argv, prog_name="provision", standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.UsageError as error:
        error.show()
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        _tell("Interrupted.")
        return INTERRUPTED
    except BrokenPipeError:
        return 1
    except ProvisionError as error:
        _say(error)
        return error.exit_code
    except Exception as error:  # noqa: BLE001
        if isinstance(error, OSError) and error.filename is None:  # no file of ours
            return _unwritable(error)
        _tell(traceback.format_exc())
        _tell("This is a defect of provision, not of your site: please report it.")
        return 1
    return code if isinstance(code, int) else 0


def entry_point() -> None:
    """Run as a program."""
    gc.set_threshold(GC_THRESHOLD)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a path can hold any byte
    code = main()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:  # https://docs.python.org/3/library/signal.html#note-on-sigpipe
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            code = code if isinstance(error, BrokenPipeError) else code or _unwritable(error)
    sys.exit(code)


def _tell(text: str) -> None:
    """Say something on stderr, if it can be written to."""
    with suppress(OSError):
        click.echo(text, err=True)


def _unwritable(error: OSError) -> int:
    """Say that the output has gone nowhere, such as onto a full disk, and return the exit code."""
    _tell(f"error: the output could not be written: {error.strerror}")
    return 1


def _say(error: ProvisionError) -> None:
    """Tell the user what went wrong and the cure, on stderr."""
    show = importlib.import_module("provisioner.cli._base").show_error
    show(error)


__all__ = ["COMMANDS", "INTERRUPTED", "USAGE", "entry_point", "main", "provision"]
