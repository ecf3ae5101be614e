"""Open every input before a heavy job starts."""
