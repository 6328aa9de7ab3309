"""`gateway replay`: captured deliveries posted, planned without effect, or applied."""
