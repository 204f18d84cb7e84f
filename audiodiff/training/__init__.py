"""Training: objectives, which know nothing of Lightning, and the module and callbacks that do."""
