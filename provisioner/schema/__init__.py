"""Values as they are declared, read from what a file says: strictly, and with every fault at its path."""
