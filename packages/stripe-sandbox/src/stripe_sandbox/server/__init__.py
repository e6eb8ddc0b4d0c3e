"""The sandbox as a standalone program: `stripe-sandbox serve`."""
