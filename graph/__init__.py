"""Microsoft Graph: client, batching, the mirror of the directory, and the writing of each kind."""
