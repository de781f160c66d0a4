"""What the Train page shows and decides, without Gradio."""
