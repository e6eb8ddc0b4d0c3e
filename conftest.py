pytest_plugins = [
    "stripe_sandbox.testing",
    "tests.plugins.shop",
    "tests.plugins.social",
    "tests.plugins.clock",
]
