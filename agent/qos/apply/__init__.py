"""The door to rtnetlink: read the tree, change it step by step, undo what fails."""
