"""One key for each person, in a database of its own; forgetting a person is destroying the key."""

import hashlib
import hmac
import os
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from crm_core.kernel.errors import DatabaseUnavailable, KeyMissing, PayloadTampered, Refused
from crm_core.kernel.time import stamp
from crm_core.store.forking import renewed
from crm_core.store.port import Database

TTL_S = 60.0
"""How long an unlocked key is remembered, in seconds; then the key store is asked again."""
_RECONNECTS = 8
_KEY_VERSION = b"\x00\x01"
_NONCE = 12
_MOST_CIPHERS = 200_000


class KeyErased(Refused):
    """This person was forgotten: nothing more can be written about them under this id.

    When: something personal is to be sealed for somebody whose key was destroyed a moment ago.
    Do: nothing; if the person returns, put them on record anew, under a new id.

    Attributes:
        subject: the person's id.
    """

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
        self._guard = renewed(self, "_guard", threading.Lock)
        self._secret: bytes | None = None

    @property
    def database(self) -> Database:
        """Where the keys are."""
        return self._database

    def sealer(self) -> "Sealer":
        """Seals for one transaction; new keys are written when it is flushed, before the events are."""
        return Sealer(self)

    def open(self, subject: UUID, context: bytes, blob: bytes) -> bytes | None:
        """The personal JSON again; None: the subject was forgotten.

        Raises:
            KeyMissing: no key and no tombstone.
            PayloadTampered: the blob was altered, or moved from another event.
        """
        cipher = self.cipher(subject)
        if cipher is None:
            return None
        try:
            return cipher.decrypt(blob[2 : 2 + _NONCE], blob[2 + _NONCE :], context + subject.bytes)
        except InvalidTag:
            msg = f"what is sealed for {subject} does not open with its key"
            raise PayloadTampered(msg) from None

    def prefetch(self, subjects: Iterable[UUID]) -> None:
        """Unlock many keys with one question."""
        self._unlock([one for one in dict.fromkeys(subjects) if self.remembered(one) is None])

    def destroy(self, subjects: Iterable[UUID], at: datetime) -> int:
        """Forget these people: overwrite the keys, leave tombstones. Returns how many keys there were."""
        destroyed = 0
        with self._database.writing() as transaction:
            for subject in subjects:
                changed = transaction.execute(
                    "INSERT INTO crm_keys (subject, key, erased_at) VALUES (?, NULL, ?) ON CONFLICT (subject) "
                    "DO UPDATE SET key = NULL, erased_at = excluded.erased_at WHERE crm_keys.key IS NOT NULL",
                    [subject, stamp(at)],
                )
                destroyed += changed.rowcount
        with self._guard:
            for subject in subjects:
                self._ciphers[subject] = (None, float("inf"))
        if destroyed:
            self._database.expunge()
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
        """The key of all fingerprints; asked for again where the answer is lost, since asking twice changes nothing."""
        for _ in range(_RECONNECTS):
            with suppress(DatabaseUnavailable):
                return self._read_or_make_secret()
        return self._read_or_make_secret()

    def _read_or_make_secret(self) -> bytes:
        """Made by whoever comes first, only read by everyone else."""
        asked = "SELECT value FROM crm_secrets WHERE name = 'fingerprint'"
        with self._database.looking() as transaction:
            found = transaction.execute(asked).fetchone()
        if found is None:
            with self._database.writing() as transaction:
                made = "INSERT INTO crm_secrets (name, value) VALUES ('fingerprint', ?) ON CONFLICT DO NOTHING"
                transaction.execute(made, [os.urandom(32)])
                found = transaction.execute(asked).fetchone()
        return bytes(found[0])

    def remembered(self, subject: UUID) -> tuple[AESGCM | None, float] | None:
        """What is known of a person's key without asking."""
        known = self._ciphers.get(subject)
        return known if known is not None and known[1] > time.monotonic() else None

    def cipher(self, subject: UUID) -> AESGCM | None:
        """What opens this person's fields; None: they were forgotten.

        Raises:
            KeyMissing: no key and no tombstone.
        """
        known = self.remembered(subject)
        if known is None:
            self._unlock([subject])
            known = self.remembered(subject)
        if known is None:
            msg = f"no key and no tombstone for {subject}: the key store is incomplete"
            raise KeyMissing(msg)
        return known[0]

    def mint(self, keys: "dict[UUID, tuple[bytes, AESGCM]]") -> bool:
        """Store new keys durably; False: someone else made one of them first, so what they sealed is void."""
        rows = sorted([(str(subject), key) for subject, (key, _) in keys.items()])
        with self._database.writing() as transaction:
            made = transaction.insert_absent("crm_keys", {"subject": "uuid", "key": "blob"}, rows)
        if made == len(rows):
            until = time.monotonic() + TTL_S
            with self._guard:
                self._ciphers.update([(subject, (cipher, until)) for subject, (_, cipher) in keys.items()])
            return True
        self._unlock(list(keys))
        return False

    def _unlock(self, subjects: list[UUID]) -> None:
        with self._database.looking() as transaction:
            for start in range(0, len(subjects), 10_000):
                condition, values = transaction.where_in("subject", subjects[start : start + 10_000])
                self._remember(
                    transaction.execute(f"SELECT subject, key FROM crm_keys WHERE {condition}", values).fetchall()
                )

    def _remember(self, rows: list[Any]) -> None:
        until = time.monotonic() + TTL_S
        with self._guard:
            if len(self._ciphers) > _MOST_CIPHERS:
                self._ciphers.clear()
            for subject, key in rows:
                cipher = None if key is None else AESGCM(bytes(key))
                self._ciphers[UUID(str(subject))] = (cipher, float("inf") if key is None else until)

    def lookup(self, subject: UUID) -> tuple[AESGCM | None, float] | None:
        """What is known of a person's key after asking the key store; None: there is no row."""
        if self.remembered(subject) is None:
            self._unlock([subject])
        return self.remembered(subject)


class Sealer:
    """Seals personal fields on behalf of one transaction that is about to append.

    A person's first key is made here, in memory, and stored by `flush`, so that a whole batch of new
    people costs one transaction of the key store, always before the events are.
    """

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring
        self._absent: set[UUID] = set()
        self._new: dict[UUID, tuple[bytes, AESGCM]] = {}

    def expect(self, subjects: Iterable[UUID]) -> None:
        """Ask for many people's keys at once."""
        wanted = list(subjects)
        self._ring.prefetch(wanted)
        self._absent.update(wanted)

    def seal(self, subject: UUID, context: bytes, personal: bytes) -> bytes:
        """The personal JSON, sealed; bound to its place in the history by `context`.

        Raises:
            KeyErased: the subject was forgotten.
        """
        nonce = os.urandom(_NONCE)
        return _KEY_VERSION + nonce + self._cipher(subject).encrypt(nonce, personal, context + subject.bytes)

    def flush(self) -> bool:
        """Store the new keys durably; False: a rival made one of them first, and all must be drafted anew."""
        if not self._new:
            return True
        stored = self._ring.mint(self._new)
        self._new = {}
        return stored

    def _cipher(self, subject: UUID) -> AESGCM:
        made = self._new.get(subject)
        if made is not None:
            return made[1]
        known = self._ring.remembered(subject) if subject in self._absent else self._ring.lookup(subject)
        if known is None:
            key = os.urandom(32)
            self._new[subject] = made = (key, AESGCM(key))
            return made[1]
        if known[0] is None:
            raise KeyErased(subject)
        return known[0]
