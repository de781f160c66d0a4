"""Before the run: what is known of a training that has not begun, and what the rules say of it."""
