"""`python -m provisioner` is `provision`."""

from __future__ import annotations

from provisioner.cli import entry_point

if __name__ == "__main__":
    entry_point()
