"""Runs TRL's own preparation of the data on a stand-in model, and measures what training would see."""
