"""Real servers for a laptop and for tests: brokers and Triton."""
