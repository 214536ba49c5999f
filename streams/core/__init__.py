"""Every rule of the product, as plain functions of the log."""
