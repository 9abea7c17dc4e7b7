"""Bring batches to the collector: kept on disk until it has committed them."""
