import logging
import threading
import time

from django.db import connections

from . import conf, delivery, scheduled_actions, storage
from .billing import engine
from .hosted import payment
from .resources import checkout_sessions

INTERVAL_SECONDS = 0.5  # the thread polls, because other processes can queue deliveries
STOP_SECONDS = 20
_logger = logging.getLogger(__name__)
_lock = threading.Lock()
_thread: threading.Thread | None = None
_workers: dict[str, threading.Thread] = {}
_stopping = threading.Event()  # stops the current threads


def start() -> None:
    global _thread
    if conf.get("DELIVERY") != "thread" or (_thread is not None and _thread.is_alive()):
        return
    with _lock:
        if _thread is None or not _thread.is_alive():
            _thread = threading.Thread(
                target=_run,
                args=[_stopping, storage.get_file()],
                name="stripe-sandbox-scheduler",
                daemon=True,
            )
            _thread.start()


def stop() -> None:
    """Stop the threads and wait until their current work has ended. The next request starts them again."""
    global _thread, _stopping
    with _lock:
        threads = [_thread, *_workers.values()]
        _thread = None
        _workers.clear()
        _stopping.set()
        _stopping = threading.Event()
        delivery.queued.set()
    for thread in threads:
        if thread is not None and thread is not threading.current_thread():
            thread.join(STOP_SECONDS)


def stop_if_changed(*, setting: str, **kwargs: object) -> None:
    """Receive setting_changed: threads of a test must not work on the file of the next one."""
    if setting in ("STRIPE_SANDBOX_DB", "STRIPE_SANDBOX_DELIVERY"):
        stop()


def _run(stopping: threading.Event, file: str) -> None:
    storage.pin_file(file)
    while not stopping.is_set():
        delivery.queued.wait(timeout=INTERVAL_SECONDS)
        delivery.queued.clear()
        try:
            if not stopping.is_set():
                run_once(stopping)
        except Exception:
            _logger.exception("Unexpected error in the sandbox's scheduler; it continues")
            stopping.wait(1)


def run_once(stopping: threading.Event | None = None) -> None:
    if conf.get("DELIVERY") != "thread":  # a test can change it after the start
        return
    payment.complete_due()
    checkout_sessions.expire_due()
    scheduled_actions.run_due()
    for endpoint in delivery.find_due_endpoints(time.time()):
        _start_worker(endpoint, stopping or _stopping)
    engine.run_system_clock()


def _start_worker(endpoint: str, stopping: threading.Event) -> None:
    """Start a thread for each endpoint, so that a slow endpoint does not delay another."""
    with _lock:
        worker = _workers.get(endpoint)
        if worker is None or not worker.is_alive():
            name = f"stripe-sandbox-{endpoint}"
            worker = _workers[endpoint] = threading.Thread(
                target=_deliver, args=[endpoint, stopping, storage.get_file()], name=name, daemon=True
            )
            worker.start()


def _deliver(endpoint: str, stopping: threading.Event, file: str) -> None:
    storage.pin_file(file)
    try:
        # Repeat for events that were queued during the delivery.
        while not stopping.is_set() and delivery.deliver_due(endpoint=endpoint):
            pass
    except Exception:
        _logger.exception("Unexpected error in the sandbox while it delivers to %s", endpoint)
    finally:
        connections.close_all()  # the store's webhook view opened them in this thread
