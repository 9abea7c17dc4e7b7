"""The control store: users, tokens, agents, alerts, the batch ledger."""
