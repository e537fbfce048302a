"""What is kept: links with their bases, what was observed and is not settled, plans, intents, the journal."""
