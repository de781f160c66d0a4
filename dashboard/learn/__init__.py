"""The course: its exercises, what ticks them, its words."""
