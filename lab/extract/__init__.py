"""Capture files to flows and features, offline."""
