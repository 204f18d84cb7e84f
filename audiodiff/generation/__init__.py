"""Generators of short clips: the public class, requests for clips, and edits of recordings."""
