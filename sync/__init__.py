"""A run: config, plan, guards, change messages, the state machine, outcomes and reports."""
