"""Effects, and the drivers that perform them: the only clock, chance and HTTP. Knows no system and no record."""
