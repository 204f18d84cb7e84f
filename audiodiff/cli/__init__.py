"""The `audiodiff` command: arguments are parsed and results printed here; the work is done elsewhere."""
