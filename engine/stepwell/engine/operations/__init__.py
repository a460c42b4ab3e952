"""What callers can ask of the engine, one module a family of operations; usable with and without a server."""
