"""The Gradio page, and how it is served."""
