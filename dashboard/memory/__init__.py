"""What the Memory page shows and decides, without Gradio."""
