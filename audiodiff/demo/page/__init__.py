"""How the page looks and is served; the only place that imports Gradio."""
