"""What will be clicked next? The session benchmarks of the literature: every prefix, ranked over all items."""
