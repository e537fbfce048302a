"""What was seen becomes a plan: `decide` decides, here it meets the store. Writes to neither system."""
