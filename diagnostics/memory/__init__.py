"""Device memory of a training: what was asked, what is estimated, the search for what fits."""
