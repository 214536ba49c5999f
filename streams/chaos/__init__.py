"""Proof by destruction: a shop on a real Kafka while everything under it is killed, frozen, cut off and restarted."""
