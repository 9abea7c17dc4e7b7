"""What each class will ask for next, and how sure that is."""
