"""JSON ↔ records: in one quick pass where nothing is unusual, with patience elsewhere. Pure."""
