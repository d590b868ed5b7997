"""On a bot's machine: entries merged into files that are somebody else's."""
