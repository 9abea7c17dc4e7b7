"""Benches: a router in namespaces with traffic on it, and what works on captures."""
