"""What the emulated student information systems share: records, faults, and being served."""
