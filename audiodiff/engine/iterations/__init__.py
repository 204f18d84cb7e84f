"""The iterations below a kilohertz on a processor, in C."""
