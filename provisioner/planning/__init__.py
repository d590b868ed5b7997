"""The difference between a site and a cluster, as a plan that can be reviewed."""
