import logging
import threading
import time

from django.db import connections

from . import conf, delivery, scheduled_actions
from .billing import engine
from .hosted import payment
from .resources import checkout_sessions

INTERVAL_SECONDS = 0.5  # other processes can queue deliveries, too
_logger = logging.getLogger(__name__)
_start_lock = threading.Lock()
_thread: threading.Thread | None = None
_workers: dict[str, threading.Thread] = {}


def start() -> None:
    global _thread
    if conf.get("DELIVERY") != "thread" or (_thread is not None and _thread.is_alive()):
        return
    with _start_lock:
        if _thread is None or not _thread.is_alive():
            _thread = threading.Thread(target=_run, name="stripe-sandbox-scheduler", daemon=True)
            _thread.start()


def _run() -> None:
    while True:
        delivery.queued.wait(timeout=INTERVAL_SECONDS)
        delivery.queued.clear()
        try:
            run_once()
        except Exception:
            _logger.exception("Unexpected error in the sandbox's scheduler; it continues")
            time.sleep(1)


def run_once() -> None:
    if conf.get("DELIVERY") != "thread":  # a test can change it after the start
        return
    payment.complete_due()
    checkout_sessions.expire_due()
    scheduled_actions.run_due()
    for endpoint in delivery.find_due_endpoints(time.time()):
        _start_worker(endpoint)
    engine.run_system_clock()


def _start_worker(endpoint: str) -> None:
    """Start a thread for each endpoint, so that a slow endpoint does not delay another."""
    worker = _workers.get(endpoint)
    if worker is None or not worker.is_alive():
        name = f"stripe-sandbox-{endpoint}"
        worker = _workers[endpoint] = threading.Thread(
            target=_deliver, args=[endpoint], name=name, daemon=True
        )
        worker.start()


def _deliver(endpoint: str) -> None:
    try:
        while delivery.deliver_due(
            endpoint=endpoint
        ):  # repeat for events that were queued during the delivery
            pass
    except Exception:
        _logger.exception("Unexpected error in the sandbox while it delivers to %s", endpoint)
    finally:
        connections.close_all()  # the store's webhook view opened them in this thread
