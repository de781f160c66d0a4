"""What several pages draw: curves, small curves, the help of a tag's name."""
