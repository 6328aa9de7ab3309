"""What beat rings for, and the safety net where it does not."""
