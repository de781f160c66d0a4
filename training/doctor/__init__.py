"""The doctor of the environment. Standard library only at import: it has to work where everything else is missing."""
