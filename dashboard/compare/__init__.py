"""What the Compare page shows and decides, without Gradio."""
