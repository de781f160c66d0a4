"""Sharing chosen runs by a link: a server of its own behind a password, a tunnel, and what a visitor may do."""
