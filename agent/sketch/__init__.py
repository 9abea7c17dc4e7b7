"""Flows to mergeable sketches: who talked, with whom, about how much, each interval."""
