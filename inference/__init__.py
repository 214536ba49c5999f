"""The models and the one way to ask them."""
