"""provision init."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from provisioner.cli import _base, _new
from provisioner.site import starter
from provisioner.system import files
from provisioner.text.terminal import visible


@click.command("init", short_help="Write a small site to begin with.")
@click.argument("directory", metavar="[DIR]", type=click.Path(path_type=Path), default=".")
@click.option(
    "--variant", type=click.Choice(list(starter.VARIANTS)), default="minimal", show_default=True,
    help="; ".join(f"{name}: {what}" for name, what in starter.VARIANTS.items()) + ".",
)  # fmt: skip
@click.option(
    "--site", "name", callback=_new.named, help="The site's name.  [default: the directory's]"
)
@click.option(
    "--proxy", metavar="HOST:PORT", default=starter.PROXY, show_default=True, callback=_new.at,
    help="The public address of your cluster.",
)  # fmt: skip
def command(directory: Path, variant: str, name: str | None, proxy: str) -> int:
    """Write a site to DIR that checks, plans and applies as it stands, with a workflow for GitHub.

    A file that exists is left as it is, and named. Exit code 1 when nothing was written.
    """
    site = starter.site_name(name or files.real(directory).name)
    wanted = starter.render(_base.starter_texts(starter.COMMON, variant), site, proxy)
    written = 0
    for path, text in sorted(wanted.items()):
        is_new = files.create(directory / path, text.encode())
        click.echo(f"{'new' if is_new else 'exists':<8} {visible(path)}")
        written += is_new
    if not written:
        _base.say(f"{visible(str(directory))}: nothing was written: all files exist")
        return 1
    first = next(path for path in sorted(wanted) if path in ("site.yaml", "dev.yaml"))
    line = shlex.join(("provision", "check", str(directory / first)))
    _base.say(f"Site {site}. Next: {visible(line)}")
    return 0
