"""One file for each command of kairos."""
