"""Made-up traffic without root: flows from a mix or a file, on the agent's own path."""
