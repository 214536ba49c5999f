"""The ways to ask a model, and the ladder that always answers."""
