"""The sandbox as a program of its own: `stripe-sandbox serve`."""
