"""The hosted checkout page: what the buyer sees, what each card does, 3D Secure, the receipt."""
