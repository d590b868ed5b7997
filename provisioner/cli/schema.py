"""provision schema."""

from __future__ import annotations

import json

import click

from provisioner.planning import plan_format
from provisioner.site.schema import site_schema


@click.command("schema", short_help="Print the site file's JSON Schema.")
@click.option("--plan", is_flag=True, help="Print the schema of plan files (`plan -o`) instead.")
def command(plan: bool) -> int:
    """Print the JSON Schema of the site file, for editors and other checkers."""
    click.echo(json.dumps(plan_format.schema() if plan else site_schema(), indent=2))
    return 0
