"""From a stranger's file to pixels, from pixels to a tensor."""
