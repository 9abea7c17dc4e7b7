"""The edge daemon: kernel maps to flows, sketches, plans and batches."""
