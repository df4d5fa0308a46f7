"""What happens: whatever changes something is decided here, one after the other, and stored before it is answered."""
