"""`gateway dead-letters`: list, show, redrive and drop."""
