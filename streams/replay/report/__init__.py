"""What a replay came to, as one HTML page for people and as figures for scripts."""
