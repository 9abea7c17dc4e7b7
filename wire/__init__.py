"""What agent and collector agree on: schema, sketches, batch codec. Sans-io."""
