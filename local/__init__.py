"""The local stack: Functions host, Entra and Graph emulator, Azurite, sample districts."""
