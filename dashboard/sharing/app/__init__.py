"""The Gradio side of sharing: the pages of the shared app, and what Gradio knows of its tunnel."""
