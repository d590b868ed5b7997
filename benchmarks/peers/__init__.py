"""The peers, a module each: how they are given the same documents, and how they are asked to plan."""
