"""`gateway tunnel`: routes a real number's webhooks to this machine for a while."""
