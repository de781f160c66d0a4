"""A run that died: from its console to the first cause."""
