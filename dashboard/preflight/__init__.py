"""What the Pre-flight page shows and decides, without Gradio."""
