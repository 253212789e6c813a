"""Operations of the desk and ``wirewatch people``: accounts, sign-in, sessions and tokens. Every action is audited."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import NamedTuple

from core.durations import DAY_MS
from core.errors import InputError, UsageError
from core.store import Store
from desk.language import gettext
from desk.people.credentials import (
    FEED_PREFIX,
    TOKEN_PREFIX,
    Passwords,
    hashed,
    hashed_for,
    new_feed_token,
    new_secret,
    new_token,
)
from desk.people.roles import Caller, Means, Role, role_named
from desk.people.sessions import new_session
from desk.people.sign_in_attempts import SignInTries, Taken
from desk.people.store import AccessToken, Account, Audit, AuditLine, LetGo, PeopleStore, folded

FEED_SCOPE = "feed"


class By(NamedTuple):
    """Who performs an action, for the audit trail. The command line has no ``caller``."""

    caller: Caller | None = None
    address: str = ""
    name: str = ""

    @property
    def person(self) -> Caller:
        """The caller, for operations that only a person at the desk can perform."""
        if self.caller is None:
            raise RuntimeError("the command line did what only a person at the desk can do")
        return self.caller


COMMAND_LINE = By(name="command line")


class Slowed(Exception):
    """Too many wrong attempts: the next is answered in ``wait_s`` seconds."""

    def __init__(self, wait_s: int) -> None:
        super().__init__(f"too many tries: wait {wait_s} s")
        self.wait_s = wait_s


class Accounts:
    """All people of one store. Thread-safe. ``clock_ms``: the wall clock, ms UTC. Raises StoreError.

    ``let_go``: see PeopleStore.
    """

    def __init__(
        self,
        store: Store,
        *,
        clock_ms: Callable[[], int],
        passwords: Passwords | None = None,
        let_go: LetGo | None = None,
    ) -> None:
        self.people, self.trail, self.tries = PeopleStore(store, let_go), Audit(store), SignInTries(store)
        self._clock_ms, self._passwords = clock_ms, passwords or Passwords()
        self._seen = False

    def none_yet(self) -> bool:
        """Whether the store has no account. Accounts are closed, never deleted, so the store is read only until one exists."""
        self._seen = self._seen or not self.people.empty()
        return not self._seen

    def note(self, by: By, action: str, subject: str = "", detail: str = "") -> None:
        """Write a line to the audit trail."""
        self.trail.note(self._line(by, action, subject, detail))

    def refused(self, by: By, action: str) -> None:
        """Record that a person was refused. The number of these lines is limited, since strangers can cause them."""
        self.trail.refused(self._line(by._replace(name=by.name[:100]), action))

    def _line(self, by: By, action: str, subject: str = "", detail: str = "") -> AuditLine:
        caller = by.caller
        return AuditLine(
            at_ms=self._clock_ms(),
            action=action,
            person=caller.id if caller else None,
            name=caller.name if caller else by.name,
            address=by.address,
            subject=subject,
            detail=detail,
        )

    def add(self, name: str, role: Role, password: str | None, by: By) -> Account:
        """Add a person; without a password they can sign in only through a proxy.

        Raises UsageError if the name is empty, too long or taken, or the password is too short.
        """
        shown = " ".join(name.split())
        if not 0 < len(folded(shown)) <= 100 or not shown.isprintable():
            raise UsageError(gettext("a name has 1 to 100 characters"))
        account = Account(
            id=secrets.token_hex(16),
            name=folded(shown),
            shown=shown,
            role=role.value,
            password=self._passwords.hash(password) if password is not None else None,
            active=True,
            created_ms=self._clock_ms(),
        )
        if not self.people.add(account):
            raise UsageError(gettext("there is already a person called %(name)s", name=shown))
        self.note(by, "person added", shown, role.value)
        return account

    def known(self, name: str) -> Account:
        """The account with this name. Raises InputError if there is none."""
        account = self.people.named(name)
        if account is None:
            raise InputError(name, "no such person", hint="wirewatch people list shows them")
        return account

    def set_role(self, account: Account, role: Role, by: By) -> None:
        """Change a person's role, effective from their next request. Raises UsageError for the last admin."""
        self._change(account, {"role": role.value}, "role changed", f"{account.role} to {role}", by)

    def set_active(self, account: Account, *, active: bool, by: By) -> None:
        """Close an account, which deletes its sessions, tokens and devices, or reopen it.

        Raises UsageError for the last admin.
        """
        self._change(account, {"active": active}, "account opened" if active else "account closed", "", by)

    def set_language(self, account: Account, language: str | None) -> None:
        """Set the language of the person's pages; None: the browser's language."""
        self.people.change(account.id, {"language": language})

    def set_password(self, account: Account, password: str, by: By, *, keep_tokens: bool = False) -> int:
        """Set a password and end the person's sessions. Deletes their API tokens, feeds and devices unless ``keep_tokens``.

        A stranger who knew the old password could have created those. Returns how many were deleted. Raises UsageError if
        the password is too short.
        """
        changed = {"password": self._passwords.hash(password)}
        ended = len(self.people.tokens_of(account.id))
        self.people.change(account.id, changed, sign_out=True, drop_tokens=not keep_tokens)
        self.tries.forget(account.name)
        self.note(by, "password set", account.shown, f"tokens {'kept' if keep_tokens else 'deleted'}: {ended}")
        return 0 if keep_tokens else ended

    def check(self, account: Account, password: str, by: By) -> bool:
        """Whether this is the person's password; a wrong one counts as an attempt to sign in. Raises Slowed."""
        taken = self._take(account.name, by.address)
        if not self._passwords.fits(password, account.password):
            self.refused(by, "password refused")
            return False
        self.tries.answered(taken, self._clock_ms())
        return True

    def sign_in(self, name: str, password: str, *, address: str, agent: str) -> tuple[str, Account] | None:
        """The secret of a new session and its account; None if the name or the password is wrong, without saying which.

        A name without an account is looked up, counted, checked and recorded like any other. Raises Slowed.
        """
        taken = self._take(name, address)
        account = self.people.named(name)
        fits = self._passwords.fits(password, account.password if account is not None else None)
        if account is None or not fits or not account.active:
            self.refused(By(address=address, name=name), "sign-in refused")
            return None
        self.tries.answered(taken, self._clock_ms())
        if account.password is not None and self._passwords.is_old(account.password):
            self.people.change(account.id, {"password": self._passwords.hash(password)})
        secret, now_ms = new_secret(), self._clock_ms()
        self.people.begin_session(new_session(hashed(secret), account.id, now_ms=now_ms, address=address, agent=agent))
        self.note(By(_caller(account, "session"), address), "signed in")
        return secret, account

    def sign_out(self, by: By) -> None:
        """End the session of this request; does nothing for a request without a session."""
        if by.person.session is not None:
            self.people.end_sessions(by.person.id, only=by.person.session)
            self.note(by, "signed out")

    def end_other_sessions(self, by: By) -> int:
        """End a person's sessions except that of this request. Returns how many ended."""
        count = self.people.end_sessions(by.person.id, but=by.person.session)
        self.note(by, "sessions ended", by.person.name, str(count))
        return count

    def drop_token(self, token: str, by: By) -> bool:
        """Delete one of the caller's own tokens, given its id. Returns False if there is none with this id."""
        dropped = self.people.drop_token(by.person.id, token)
        if dropped:
            self.note(by, "token deleted", by.person.name)
        return dropped

    def by_session(self, secret: str) -> Caller | None:
        """The person with this cookie; None if the session has ended or the account is closed."""
        found = self.people.session(hashed(secret))
        if found is None:
            return None
        session, account = found
        now_ms = self._clock_ms()
        if not account.active or session.has_ended(now_ms):
            return None
        self.people.touch_session(session, now_ms=now_ms)
        return _caller(account, "session", session=session.hash)

    def by_token(self, token: str) -> Caller | None:
        """The owner of this token; None for an unknown or expired token or a closed account."""
        found = self.people.token(hashed(token)) if token.startswith(TOKEN_PREFIX) else None
        if found is None:
            return None
        kept, account = found
        now_ms = self._clock_ms()
        if not account.active or (kept.ends_ms is not None and now_ms >= kept.ends_ms):
            return None
        self.people.touch_token(kept, now_ms=now_ms)
        return _caller(account, "token", writes=kept.scope == "write")

    def by_feed_token(self, token: str, address: str) -> Caller | None:
        """The owner of this feed; None if the token is not that of the feed at ``address``, or the account is closed."""
        found = self.people.token(hashed_for(token, address)) if token.startswith(FEED_PREFIX) else None
        if found is None or found[0].scope != FEED_SCOPE or not found[1].active:
            return None
        self.people.touch_token(found[0], now_ms=self._clock_ms())
        return _caller(found[1], "feed", writes=False)

    def by_proxy(self, name: str, address: str) -> Caller | None:
        """The person named by a trusted proxy; None if there is no open account with that name."""
        account = self.people.named(name)
        if account is None or not account.active:
            self.refused(By(address=address, name=name), "proxy sign-in refused")
            return None
        return _caller(account, "proxy")

    def make_token(self, account: Account, name: str, scope: str, days: int | None, by: By) -> str:
        """Create a token and return it; it is shown only once. Raises UsageError if the person's role doesn't allow it."""
        if scope not in ("read", "write"):
            raise UsageError(
                gettext("%(name)s is not a scope", name=repr(scope)), hint=gettext("scopes are read and write")
            )
        if scope == "write" and role_named(account.role) is Role.READER:
            raise UsageError(gettext("a reader's token can only read"))
        token = new_token()
        self._keep_token(account, hashed(token), " ".join(name.split())[:100] or "token", scope, days, by)
        return token

    def make_feed_token(self, account: Account, address: str, by: By) -> str:
        """Create a token for the feed at ``address`` (path and query) only, valid until it is deleted."""
        token = new_feed_token()
        self._keep_token(account, hashed_for(token, address), address[:300], FEED_SCOPE, None, by)
        return token

    def _keep_token(self, account: Account, hash_: str, name: str, scope: str, days: int | None, by: By) -> None:
        now_ms = self._clock_ms()
        self.people.add_token(
            AccessToken(
                id=secrets.token_hex(16),
                hash=hash_,
                person=account.id,
                name=name,
                scope=scope,
                created_ms=now_ms,
                ends_ms=now_ms + days * DAY_MS if days else None,
            )
        )
        self.note(by, "token made", account.shown, f"{name}, {scope}")

    def _take(self, name: str, address: str) -> Taken:
        taken = self.tries.take(name, address, self._clock_ms())
        if taken.wait_ms:
            self.refused(By(address=address, name=name), "sign-in slowed")
            raise Slowed(-(-taken.wait_ms // 1000))
        return taken

    def _change(self, account: Account, values: dict[str, object], action: str, detail: str, by: By) -> None:
        closes = values.get("active") is False
        if not self.people.change(account.id, values, sign_out=closes, drop_tokens=closes):
            raise UsageError(
                gettext("%(name)s is the last admin", name=account.shown),
                hint=gettext("make someone else an admin first"),
            )
        self.note(by, action, account.shown, detail)


def _caller(account: Account, means: Means, *, writes: bool = True, session: str | None = None) -> Caller:
    return Caller(account.id, account.shown, Role(account.role), means, writes, session, account.language)
