"""What tests share: factories, servers, the whole stack, and what stands in for others."""
