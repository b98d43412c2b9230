"""What the concatenations carry: who reads whom, feature maps, reuse, and what happens without a source."""
