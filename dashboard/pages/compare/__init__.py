"""The Compare page: what its tabs share, and a file a tab."""
