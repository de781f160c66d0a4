"""A diagnosis put into words: one file a format, the same sentences in all of them."""
