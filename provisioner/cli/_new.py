"""What a new site is called, and where its cluster is: the options of `init` and `import`."""

from __future__ import annotations

import click

from provisioner.schema.faults import Wrong
from provisioner.schema.records import kind_of
from provisioner.site import starter
from provisioner.site.fields import HostPort


def named(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """Return what can be the name of a site, or None. Raises click.BadParameter."""
    if value is not None and value != (site := starter.site_name(value)):
        raise click.BadParameter(f"{value!r} is no name of a site; '{site}' is")
    return value


def at(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """Return what can be the address of a proxy, or None. Raises click.BadParameter."""
    try:
        return None if value is None else str(kind_of(HostPort).read(value))
    except Wrong as wrong:
        raise click.BadParameter(wrong.faults[0].message) from wrong
