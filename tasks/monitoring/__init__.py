"""Look at the store, begin and end alerts, report them."""
