"""Votes of people, judges and rewards, and what follows from them."""
