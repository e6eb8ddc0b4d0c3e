from . import conf, storage
from .resources import webhook_endpoints


def prepare() -> None:
    """Create the store's webhook endpoint and the demo catalogue, once in each new or reset file."""
    if storage.get_setting("prepared"):
        return
    with storage.transaction():
        if storage.get_setting("prepared"):
            return
        storage.set_setting("prepared", True)
        webhook_endpoints.sync_store_endpoint()
        if conf.get("DEMO"):
            from .demo.catalogue import ensure_demo_catalogue

            ensure_demo_catalogue()
