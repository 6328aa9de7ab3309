"""`gateway replay`: post captured deliveries, or plan them without an effect."""
