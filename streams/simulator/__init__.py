"""The simulated shop: a hidden process whose events are seen and whose ground truth can be computed."""
