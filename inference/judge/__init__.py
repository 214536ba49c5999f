"""How good a model is on examples that it has not seen, beside what any model must beat."""
