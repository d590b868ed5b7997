"""Teleport's access decisions: who may call what, and why; nothing here knows a site or a cluster."""
