"""The looks and the serving of the page; the only place that imports Gradio."""
