"""The roster itself: schema, value lists, normalising, rules, findings. No Azure, no HTTP."""
