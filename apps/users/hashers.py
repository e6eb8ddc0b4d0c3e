import ctypes
from contextlib import suppress
from threading import RLock

from django.contrib.auth.hashers import Argon2PasswordHasher

M_MMAP_THRESHOLD = -3  # from malloc.h
MMAP_THRESHOLD_BYTES = 1024 * 1024

# glibc would keep the 19 MiB of a hash for each thread. Above this size it returns memory to the system.
with suppress(AttributeError, OSError):  # the C library is not glibc
    ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES)

# One hash at a time: there is a process for each core, so parallel hashes would only cost memory.
_lock = RLock()


class SmallArgon2PasswordHasher(Argon2PasswordHasher):
    """Argon2 with the parameters of OWASP: 19 MiB instead of Django's 100.

    https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#argon2id
    """

    memory_cost = 19456  # KiB
    time_cost = 2
    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        with _lock:
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        with _lock:
            return super().verify(password, encoded)
