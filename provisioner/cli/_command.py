"""Commands that are given another command, after `--`."""

from __future__ import annotations

import click


class WithCommand(click.Command):
    """A command whose callback gets the words after `--` as `argv`, none of them read as its own."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take everything from the first `--` on away before the options are read."""
        at = args.index("--") if "--" in args else len(args)
        rest = super().parse_args(ctx, args[:at])
        ctx.params["argv"] = tuple(args[at + 1 :])
        return rest

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Return the pieces of the usage line."""
        return [*super().collect_usage_pieces(ctx), "[-- COMMAND...]"]
