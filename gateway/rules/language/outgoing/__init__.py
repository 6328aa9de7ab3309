"""What rules hand to others than the customer and Meta: notifications and forwards."""
