"""What several areas of the page draw with; nothing in here knows of nets."""
