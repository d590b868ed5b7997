"""What a reader sees. A plan is walked once (`_base.rows`); each output is a function over it."""

from __future__ import annotations
