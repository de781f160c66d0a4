"""What the Runs page shows and decides, without Gradio."""
