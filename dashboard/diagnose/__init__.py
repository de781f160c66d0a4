"""What the Diagnose page shows, without Gradio."""
