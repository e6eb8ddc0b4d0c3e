"""The demo products of a new sandbox file."""
