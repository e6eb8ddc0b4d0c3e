"""What the sandbox sells before anybody has made a product: the demo shop's range and its art."""
