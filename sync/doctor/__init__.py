"""The doctor: looks whether everything that a run needs is there, and says what to do if not."""
