"""A bare click program with as many commands as ours, to hold `provision --help` against."""

from __future__ import annotations

import click

COMMANDS = 17


@click.group()
def program() -> None:
    """Do as little as can be."""


def nothing() -> None:
    """Do nothing."""


for number in range(COMMANDS):
    program.command(f"command-{number}", short_help="Does what takes a line to say.")(nothing)

if __name__ == "__main__":
    program()
