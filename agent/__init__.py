"""The edge daemon: kernel maps to flows, sketches, verdicts, forecasts, plans and batches."""
