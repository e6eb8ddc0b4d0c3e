import ctypes
from contextlib import suppress
from threading import RLock

from django.contrib.auth.hashers import Argon2PasswordHasher

M_MMAP_THRESHOLD = -3  # of malloc.h
LARGE_BLOCK_BYTES = 1024 * 1024

# Without this, glibc keeps a freed block of 19 MiB for each thread.
with suppress(AttributeError, OSError):  # another C library
    ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES)

# Hashing is bound by the CPU, and there is one process per core: parallel hashes cost memory and save no time.
_one_at_a_time = RLock()


class SmallArgon2PasswordHasher(Argon2PasswordHasher):
    """Argon2 with OWASP's parameters: 19 MiB, where Django takes 100.

    https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#argon2id
    """

    memory_cost = 19456  # KiB
    time_cost = 2
    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        with _one_at_a_time:
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        with _one_at_a_time:
            return super().verify(password, encoded)
