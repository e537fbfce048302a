"""Doing what a plan says: read again, decide once more, write, remember."""
