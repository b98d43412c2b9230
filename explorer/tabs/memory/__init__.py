"""Memory: what one step takes, and where."""
