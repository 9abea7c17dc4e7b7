"""Network namespaces: a client, a router and a server joined by veth pairs."""
