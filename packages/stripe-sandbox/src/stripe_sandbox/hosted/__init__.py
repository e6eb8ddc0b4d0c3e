"""The pages for buyers: checkout with 3D Secure, billing portal, invoice, receipt."""
