"""The demo catalogue that a new sandbox file contains."""
