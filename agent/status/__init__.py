"""Tell people and programs what the agent does: HTTP, metrics, terminal, diagnosis."""
