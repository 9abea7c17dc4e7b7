"""Datagrams of exporters to records."""
