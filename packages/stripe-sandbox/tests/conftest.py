from pytest_socket import socket_allow_hosts

pytest_plugins = ["stripe_sandbox.testing"]


def pytest_runtest_setup() -> None:
    """Block sockets to other machines."""
    socket_allow_hosts(["127.0.0.1", "::1", "localhost"], allow_unix_socket=True)
