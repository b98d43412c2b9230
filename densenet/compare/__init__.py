"""The nets that a DenseNet is set beside: its variants, its peers, and what two tutorials claim."""
