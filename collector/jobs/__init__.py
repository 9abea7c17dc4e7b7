"""Offline jobs, run as processes of their own."""
