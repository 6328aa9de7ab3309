"""What operators see and do through the API."""
