"""One key for each person, in a database of its own; forgetting a person is destroying the key."""

import hashlib
import hmac
import os
import threading
import time
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from crm_core.kernel.errors import KeyMissing, PayloadTampered, Refused
from crm_core.kernel.time import stamp
from crm_core.store.port import Database

TTL_S = 60.0
"""How long an unlocked key is remembered, in seconds; then the key store is asked again."""
_KEY_VERSION = b"\x00\x01"
_NONCE = 12


class KeyErased(Refused):
    """This person was forgotten: nothing more can be written about them under this id."""

    def __init__(self, subject: UUID) -> None:
        self.subject = subject
        super().__init__(f"{subject} was forgotten; a returning person gets a new id")


class KeyRing:
    """Seals and opens personal fields.

    Keys are minted durably before anything is sealed with them, are never minted again for someone
    forgotten, and a key that is absent without a tombstone is an alarm, not an erasure.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ciphers: dict[UUID, tuple[AESGCM | None, float]] = {}
        self._guard = threading.Lock()
        self._secret: bytes | None = None

    def mint(self, subjects: Iterable[UUID]) -> None:
        """Make sure that each of these has a key.

        Raises:
            KeyErased: one of them was forgotten.
        """
        wanted = [one for one in dict.fromkeys(subjects) if self._fresh(one) is None]
        if wanted:
            with self._database.writing() as transaction:
                transaction.executemany(
                    "INSERT INTO crm_keys (subject, key) VALUES (?, ?) ON CONFLICT DO NOTHING",
                    [(one, os.urandom(32)) for one in sorted(wanted)],
                )
            self._unlock(wanted)

    def seal(self, subject: UUID, context: bytes, personal: bytes) -> bytes:
        """The personal JSON, sealed; bound to its place in the history by `context`.

        Raises:
            KeyErased: the subject was forgotten.
        """
        cipher = self._cipher(subject, mint=True)
        if cipher is None:
            raise KeyErased(subject)
        nonce = os.urandom(_NONCE)
        return _KEY_VERSION + nonce + cipher.encrypt(nonce, personal, context + subject.bytes)

    def open(self, subject: UUID, context: bytes, blob: bytes) -> bytes | None:
        """The personal JSON again; None: the subject was forgotten.

        Raises:
            KeyMissing: no key and no tombstone.
            PayloadTampered: the blob was altered, or moved from another event.
        """
        cipher = self._cipher(subject, mint=False)
        if cipher is None:
            return None
        try:
            return cipher.decrypt(blob[2 : 2 + _NONCE], blob[2 + _NONCE :], context + subject.bytes)
        except InvalidTag:
            msg = f"what is sealed for {subject} does not open with its key"
            raise PayloadTampered(msg) from None

    def prefetch(self, subjects: Iterable[UUID]) -> None:
        """Unlock many keys with one question."""
        self._unlock([one for one in dict.fromkeys(subjects) if self._fresh(one) is None])

    def destroy(self, subjects: Iterable[UUID], at: datetime) -> int:
        """Forget these people: overwrite the keys, leave tombstones. Returns how many keys there were."""
        destroyed = 0
        with self._database.writing() as transaction:
            for subject in subjects:
                changed = transaction.execute(
                    "INSERT INTO crm_keys (subject, key, erased_at) VALUES (?, NULL, ?) "
                    "ON CONFLICT (subject) DO UPDATE SET key = NULL, erased_at = excluded.erased_at WHERE crm_keys.key IS NOT NULL",
                    [subject, stamp(at)],
                )
                destroyed += changed.rowcount
        with self._guard:
            for subject in subjects:
                self._ciphers[subject] = (None, float("inf"))
        return destroyed

    def fingerprint(self, content: bytes) -> bytes:
        """A keyed hash of a command's content: without the key nothing can be guessed from it."""
        if self._secret is None:
            self._secret = self._shared_secret()
        return hmac.digest(self._secret, content, hashlib.sha256)

    def close(self) -> None:
        """Forget every unlocked key and close the key store."""
        self._ciphers.clear()
        self._secret = None
        self._database.close()

    def _shared_secret(self) -> bytes:
        with self._database.writing() as transaction:
            transaction.execute("INSERT INTO crm_secrets (name, value) VALUES ('fingerprint', ?) ON CONFLICT DO NOTHING", [os.urandom(32)])
            return bytes(transaction.execute("SELECT value FROM crm_secrets WHERE name = 'fingerprint'").fetchone()[0])

    def _fresh(self, subject: UUID) -> tuple[AESGCM | None, float] | None:
        known = self._ciphers.get(subject)
        return known if known is not None and known[1] > time.monotonic() else None

    def _cipher(self, subject: UUID, *, mint: bool) -> AESGCM | None:
        known = self._fresh(subject)
        if known is None:
            if mint:
                self.mint([subject])
            else:
                self._unlock([subject])
            known = self._fresh(subject)
        if known is None:
            msg = f"no key and no tombstone for {subject}: the key store is incomplete"
            raise KeyMissing(msg)
        return known[0]

    def _unlock(self, subjects: list[UUID]) -> None:
        until = time.monotonic() + TTL_S
        with self._database.looking() as transaction:
            for start in range(0, len(subjects), 10_000):
                condition, values = transaction.where_in("subject", subjects[start : start + 10_000])
                rows = transaction.execute(f"SELECT subject, key FROM crm_keys WHERE {condition}", values).fetchall()
                with self._guard:
                    if len(self._ciphers) > 200_000:  # noqa: PLR2004 - about 100 MB of ciphers
                        self._ciphers.clear()
                    for subject, key in rows:
                        cipher = None if key is None else AESGCM(bytes(key))
                        self._ciphers[UUID(str(subject))] = (cipher, float("inf") if key is None else until)
