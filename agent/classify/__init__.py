"""What kind of traffic a flow is, by how much evidence there is."""
