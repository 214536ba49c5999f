"""Two ways to decide, on one log: who is addressed by one and not by the other, why, and what really happened."""
