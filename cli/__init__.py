"""The `rollcall` command: thin, calls the same functions as the triggers."""
