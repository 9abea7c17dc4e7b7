"""The central daemon: takes in what agents report, stores it, answers and shows."""
