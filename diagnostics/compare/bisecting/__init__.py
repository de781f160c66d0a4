"""The search for the checkpoint at which something broke."""
