"""The shopper table: changelog, loader, transactions."""
