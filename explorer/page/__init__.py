"""The frame round the tabs: state, address, sidebar, headline, the live net, the net pinned as A."""
