"""Other projects' command lines."""
