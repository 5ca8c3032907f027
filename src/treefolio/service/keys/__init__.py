"""Keys of users for brokers and vendors: set, removed, and never shown. `treefolio.jobs.vault` keeps them."""
