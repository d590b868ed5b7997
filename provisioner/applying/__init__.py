"""From a plan to a cluster: what must hold before the first write, the writes, and their record."""
