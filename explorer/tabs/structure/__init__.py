"""Structure: who reads whom inside a block, and the whole net as a diagram to scale."""
