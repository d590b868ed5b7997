"""provision schema."""

from __future__ import annotations

import json

import click

from provisioner.schema import site_schema


@click.command("schema", short_help="Print the site file's JSON Schema.")
def command() -> int:
    """Print the JSON Schema of the site file, for editors and other checkers."""
    click.echo(json.dumps(site_schema(), indent=2))
    return 0
