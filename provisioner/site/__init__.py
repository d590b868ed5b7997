"""The site file: what may stand in it, where each value comes from, and what is wrong with it."""
