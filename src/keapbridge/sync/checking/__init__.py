"""Checking: what a host says is held against what there is, before anything is planned."""
