"""Uploads of agents, from the socket to the journal."""
