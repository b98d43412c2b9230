"""What runs behind the page."""
