"""Which intervention is sent, and which is not, and why."""
