"""HTTP to addresses that are not ours: bounded in time, one guarded client."""
