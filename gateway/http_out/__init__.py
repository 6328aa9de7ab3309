"""HTTP to addresses that are not Meta's: bounded in time, one guarded client."""
