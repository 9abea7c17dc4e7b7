"""The data store: tables, inserts, queries, merged sketches."""
