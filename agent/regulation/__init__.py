"""QoS while the agent runs: where the plan of agent/qos meets kernel, clock and API."""
