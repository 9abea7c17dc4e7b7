"""The lab put together: namespaces, traffic, an agent, a collector and its console."""
