"""Train: a net learns, seen by all."""
