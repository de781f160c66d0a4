"""Starting workers and looking after them: launch, queue, stop, resume, delete, list."""
