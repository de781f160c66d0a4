"""OpenAI-compatible endpoints as sources of answers."""
