"""A diagnosis put into words: text for a terminal, JSON for programs. The same sentences everywhere."""
