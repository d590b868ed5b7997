"""Languages and their texts: read with the place of everything, edited in place, safely written.

No value becomes structure in what is written.
"""
