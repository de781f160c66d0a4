"""The command lines of a comparison."""
