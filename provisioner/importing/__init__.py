"""What already lives in a cluster, written down as a site."""
