"""The edge to the operating system: files, processes, pipes, and what git left beside a site."""
