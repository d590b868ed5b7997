"""Clusters: the port, its four adapters, and the documents that are read and written through it."""
