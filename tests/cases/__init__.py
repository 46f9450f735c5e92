"""Cases that others wrote, unchanged, and which test proves which."""
