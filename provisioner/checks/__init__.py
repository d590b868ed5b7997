"""What is held against a site: rules with codes, and the access tests it brings along."""
