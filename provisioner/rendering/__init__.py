"""A site through its templates: cluster documents, tbot.yaml and client configurations."""
