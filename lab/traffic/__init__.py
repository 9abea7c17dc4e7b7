"""Bounded real traffic of every class between namespaces of the lab."""
