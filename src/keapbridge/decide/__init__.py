"""What is decided: who is the same, what is merged, who wins, when a run stops itself. Pure; knows no mapping."""
