"""Our room against other ways to tell many members at once: `make bench-room`."""
