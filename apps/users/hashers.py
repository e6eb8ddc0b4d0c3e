"""How passwords are hashed (setting PASSWORD_HASHERS)."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class SmallArgon2PasswordHasher(Argon2PasswordHasher):
    """OWASP's parameters with 19 MiB a sign-in, where Django takes 100.

    https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#argon2id
    """

    memory_cost = 19456  # KiB
    time_cost = 2
    parallelism = 1
