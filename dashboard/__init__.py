"""The Gradio face of TRL Clinic. This process never imports torch: models live in workers that it starts."""
