"""Seeing both systems: lists stream through, what differs from what is linked is staged. Writes to neither system."""
