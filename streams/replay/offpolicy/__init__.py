"""What another policy would have earned, estimated from what one policy did by chance and with what probability."""
