"""Regulate: what ought to be, how it differs from what is, and how to get there."""
