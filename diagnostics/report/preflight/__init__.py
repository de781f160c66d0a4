"""The pre-flight as a report: what training will see, what the rules say of it, in every format."""
