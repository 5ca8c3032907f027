"""The strategy: a tree that says, for each session, what to hold."""
