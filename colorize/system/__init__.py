"""Files written whole or not at all, memory, cores."""
