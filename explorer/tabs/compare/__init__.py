"""Compare: one net beside another."""
