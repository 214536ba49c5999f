"""What any model must beat: one file for each."""
