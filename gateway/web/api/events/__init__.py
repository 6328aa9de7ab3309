"""Events of the API: listed, and traced one by one."""
