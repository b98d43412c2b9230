"""What can be seen of a net and a photo, a module for each view of the predict tab."""
