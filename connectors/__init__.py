"""Sources: each module turns one source system's answers into roster tables."""
