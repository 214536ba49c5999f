"""The speed of Kairos beside what a shop would pick instead: `kairos bench speed`."""
