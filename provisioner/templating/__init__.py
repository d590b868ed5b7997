"""Jinja reduced to what templates need, and checked when they are loaded."""
