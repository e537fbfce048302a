"""Looking back at what was done: why, undoing it, deciding what was left open."""
