"""Flows: the effects they yield, and the drivers that perform them: the only clock and chance. Knows no HTTP."""
