"""A local page to listen: what it does lies here and knows nothing of Gradio, how it looks lies in `page`."""
