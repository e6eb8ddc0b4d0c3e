"""What a new sandbox file starts with: the store's webhook endpoint and, unless switched off, the demo catalogue."""

from . import conf, storage
from .resources import webhook_endpoints


def prepare() -> None:
    """Fill the file if it is new (or was reset). Called before anything is asked of the sandbox; cheap afterwards."""
    if storage.setting("prepared"):
        return
    with storage.transaction():
        if storage.setting("prepared"):
            return
        storage.set_setting("prepared", True)
        webhook_endpoints.update_own()
        if conf.get("DEMO"):
            from .demo.catalogue import ensure_demo_catalogue

            ensure_demo_catalogue()
