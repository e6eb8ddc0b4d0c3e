from . import catalogue, operations, purchases

__all__ = ["catalogue", "operations", "purchases"]
