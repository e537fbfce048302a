"""Calls over HTTP, and the lists that they make: bounds, retries, errors. Knows no system and no record."""
