"""Architecture: how the channels grow, and what each step costs."""
