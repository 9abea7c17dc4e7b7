"""Records to other systems."""
