"""Live flows: what the walk found, what changed since, and which have ended."""
