"""Languages and their texts: read with the place of everything, edited in place, written so that no value becomes structure."""
