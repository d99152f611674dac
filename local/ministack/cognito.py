"""Cognito as AWS has it, where ministack's lacks something that players' accounts need.

- the pre-sign-up trigger, which confirms guests: in a pool that has none, as the laptop's, it is run here
- `VerifyUserAttribute` and `GetUserAttributeVerificationCode`
- an address that is kept until the new one is verified, and the refusal of one that another player has
- an address that is verified by `ConfirmSignUp`, and no new password without such an address
- user names and addresses in any case, where the pool says so, and no name that looks like an address
- access tokens that are really ours, and still good

No mail is sent. A pool on the laptop takes any code, once it was asked for one. With AUTH=true, as for the
deployed stacks, ministack compares codes, and so does this module.

Written from AWS's documentation of the operations and of
https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-email-phone-verification.html
"""

import copy
import threading
import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from game.guests import GUESTS_BUSY, GUESTS_OFF, asks_for_guest
from local.ministack.pool import SIGN_IN

Data = dict[str, Any]
Answer = Any
Handler = Callable[[Data], Answer]

_NEW = ("VerifyUserAttribute", "GetUserAttributeVerificationCode")
_ADDRESS = "email"
# What a user may not say of themselves.
_PROTECTED = {"sub", "email_verified", "phone_number_verified"}
_CODE = "123456"


class _RefusedError(Exception):
    """Cognito's name of an exception, and the sentence that comes with it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Minute:
    """New guests of the current minute: the laptop's `store.guests.GuestBudget`, in one process."""

    def __init__(self, most: int, now_s: Callable[[], float] = time.time) -> None:
        self._most = most
        self._now_s = now_s
        self._lock = threading.Lock()
        self._minute = self._taken = 0

    def take(self) -> bool:
        """Count a new guest; return whether there may be one more in this minute."""
        minute = int(self._now_s() // 60)
        with self._lock:
            if minute != self._minute:
                self._minute, self._taken = minute, 0
            if self._taken >= self._most:
                return False
            self._taken += 1
            return True


def bring_up_to_date(cognito: ModuleType) -> None:
    """Give pools that an earlier Podium made the settings that the laptop's has today."""
    for _, pool in cognito._all_pools():
        if not pool.get("UserAttributeUpdateSettings"):
            pool.update(copy.deepcopy(SIGN_IN))


class Accounts:
    """What is put into ministack's module: `cognito` is `ministack.services.cognito`.

    guests: counts new guests in pools without a trigger of their own; None where there may be none.
    compares: whether codes are compared with those that were sent.
    """

    def __init__(self, cognito: ModuleType, guests: Minute | None, *, compares: bool) -> None:
        # Its private functions, for which it has no others: a test goes through each.
        self._cognito: Any = cognito
        self._guests = guests
        self._compares = compares
        self._handlers: dict[str, Callable[[Data, Handler], Answer]] = {
            "SignUp": self._sign_up,
            "ConfirmSignUp": self._confirm_sign_up,
            "ForgotPassword": self._forgot_password,
            "ConfirmForgotPassword": self._confirm_forgot_password,
            "UpdateUserAttributes": self._update_attributes,
            "VerifyUserAttribute": self._verify_attribute,
            "GetUserAttributeVerificationCode": self._send_code,
        }
        self._dispatch_theirs = cognito._dispatch_idp
        self._run_theirs = cognito._run_idp_handler
        self._resolve_theirs = cognito._resolve_user
        self._trigger_theirs = cognito._apply_presignup_trigger

    def install(self) -> None:
        """Take the place of ministack's own functions, which are called where there is nothing to add."""
        cognito = self._cognito
        cognito._UNSIGNED_IDP_ACTIONS.update(_NEW)
        cognito._dispatch_idp = self._dispatch
        cognito._run_idp_handler = self._run
        cognito._resolve_user = self._resolve
        cognito._apply_presignup_trigger = self._trigger

    async def _dispatch(self, action: str, data: Data) -> Answer:
        if action not in _NEW:
            return await self._dispatch_theirs(action, data)
        # As ministack runs its own.
        return await self._cognito.run_reentrant(
            self._run, None, action, data, thread_name="ministack-cognito-trigger"
        )

    def _run(self, theirs: Handler, action: str, data: Data) -> Answer:
        cognito = self._cognito
        if action in cognito._UNSIGNED_IDP_ACTIONS:
            cognito._pin_unsigned_idp_scope(data)
        if "AccessToken" in data and (error := cognito._access_token_error(data)):
            return error
        ours = self._handlers.get(action)
        return self._run_theirs(lambda given: self._answer(ours, given, theirs), action, data)

    def _answer(self, ours: Callable[[Data, Handler], Answer] | None, data: Data, theirs: Handler) -> Answer:
        if ours is None:
            return theirs(data)
        try:
            return ours(data, theirs)
        except _RefusedError as refusal:
            return self._cognito.error_response_json(refusal.code, str(refusal), 400)

    def _trigger(
        self,
        pool_id: str,
        client_id: str,
        username: str,
        user_attrs: Data,
        trigger_source: str = "PreSignUp_ExternalProvider",
    ) -> Data:
        cognito = self._cognito
        asked = (pool_id, client_id, username, user_attrs, trigger_source)
        if (cognito._user_pools.get(pool_id) or {}).get("LambdaConfig", {}).get("PreSignUp"):
            answer: Data = self._trigger_theirs(*asked)
            return answer
        is_guest = asks_for_guest(cognito._build_presignup_event(*asked))
        if is_guest and (self._guests is None or not self._guests.take()):
            code = GUESTS_OFF if self._guests is None else GUESTS_BUSY
            raise cognito._PreSignUpRejected(f"PreSignUp failed with error {code}.")
        return {"autoConfirmUser": is_guest, "autoVerifyEmail": False, "autoVerifyPhone": False}

    def _sign_up(self, data: Data, theirs: Handler) -> Answer:
        pool, _ = self._cognito._pool_for_client(data.get("ClientId"))
        name = data.get("Username")
        if pool and isinstance(name, str):
            if _has_address_as_alias(pool) and self._cognito._USERNAME_EMAIL_RE.fullmatch(name):
                raise _RefusedError(
                    "InvalidParameterException",
                    "Username cannot be of email format, since user pool is configured for email alias.",
                )
            if _ignores_case(pool) and any(_same(name, other) for other in list(pool["_users"])):
                raise _RefusedError("UsernameExistsException", "User already exists")
        return theirs(data)

    def _confirm_sign_up(self, data: Data, theirs: Handler) -> Answer:
        pool, user = self._known(data)
        if pool is None or user is None or user["UserStatus"] != "UNCONFIRMED":
            return theirs(data)
        address = self._attributes(user).get(_ADDRESS)
        self._require_free(pool, user, address)
        answer = theirs(data)
        if user["UserStatus"] == "CONFIRMED" and _ADDRESS in pool.get("AutoVerifiedAttributes", []):
            self._verify(user, address)
        return answer

    def _forgot_password(self, data: Data, theirs: Handler) -> Answer:
        _, user = self._known(data)
        if user and not _is_verified(self._attributes(user)):
            raise _RefusedError(
                "InvalidParameterException",
                "Cannot reset password for the user as there is no registered/verified email or phone_number",
            )
        return theirs(data)

    def _confirm_forgot_password(self, data: Data, theirs: Handler) -> Answer:
        _, user = self._known(data)
        if user:
            self._require_code(user.get("_reset_code"), data.get("ConfirmationCode"))
        return theirs(data)

    def _update_attributes(self, data: Data, theirs: Handler) -> Answer:
        pool, user = self._owner(data)
        given = {one["Name"]: one.get("Value", "") for one in data.get("UserAttributes", [])}
        if _PROTECTED & given.keys():
            raise _RefusedError(
                "NotAuthorizedException", "A client attempted to write unauthorized attribute"
            )
        address = given.get(_ADDRESS)
        if address is None or _ADDRESS not in _kept_until_verified(pool):
            return theirs(data)
        others = [one for one in data["UserAttributes"] if one["Name"] != _ADDRESS]
        if not address:
            # "Submit the attribute in your API request with a blank value" is how AWS deletes one.
            answer = theirs({**data, "UserAttributes": others})
            user["Attributes"] = [
                one for one in user["Attributes"] if one["Name"] not in (_ADDRESS, "email_verified")
            ]
            return answer
        if not self._cognito._USERNAME_EMAIL_RE.fullmatch(address):
            raise _RefusedError("InvalidParameterException", "Invalid email address format.")
        theirs({**data, "UserAttributes": others})
        user["_pending_address"], user["_address_code"] = address, _CODE
        return self._cognito.json_response({"CodeDeliveryDetailsList": [self._sent_to(address)]})

    def _send_code(self, data: Data, __: Handler) -> Answer:
        _require_address(data)
        _, user = self._owner(data)
        address = user.get("_pending_address") or self._attributes(user).get(_ADDRESS)
        if not address:
            raise _RefusedError("InvalidParameterException", "User does not have a registered email.")
        user["_address_code"] = _CODE
        return self._cognito.json_response({"CodeDeliveryDetails": self._sent_to(address)})

    def _verify_attribute(self, data: Data, __: Handler) -> Answer:
        _require_address(data)
        pool, user = self._owner(data)
        self._require_code(user.get("_address_code"), data.get("Code"))
        address = user.get("_pending_address") or self._attributes(user).get(_ADDRESS)
        self._require_free(pool, user, address)
        for done in ("_pending_address", "_address_code"):
            user.pop(done, None)
        self._verify(user, address)
        return self._cognito.json_response({})

    def _resolve(self, pool: Data, username: Any) -> tuple[Data | None, Answer]:
        """Return a user by their name or address, in any case where the pool says so."""
        user, error = self._resolve_theirs(pool, username)
        if user is None and isinstance(username, str) and _ignores_case(pool):
            for one in _users(pool):
                if _same(one["Username"], username):
                    return one, None
            for one in self._users_of(pool, username):
                return one, None
        return user, error

    def _users_of(self, pool: Data, address: str) -> Iterator[Data]:
        """Yield those whose verified address this is, where players can sign in with theirs."""
        if _has_address_as_alias(pool):
            for user in _users(pool):
                attributes = self._attributes(user)
                if _is_verified(attributes) and _same(attributes[_ADDRESS], address):
                    yield user

    def _require_free(self, pool: Data, user: Data, address: str | None) -> None:
        if address and any(other is not user for other in self._users_of(pool, address)):
            raise _RefusedError("AliasExistsException", "An account with the given email already exists.")

    def _verify(self, user: Data, address: str | None) -> None:
        if address:
            updates = [
                {"Name": _ADDRESS, "Value": address},
                {"Name": "email_verified", "Value": "true"},
            ]
            user["Attributes"] = self._cognito._merge_attributes(user["Attributes"], updates)
            user["UserLastModifiedDate"] = self._cognito._now_epoch()

    def _require_code(self, issued: str | None, given: str | None) -> None:
        if not issued:
            raise _RefusedError("ExpiredCodeException", "Invalid code provided, please request a code again.")
        if not given or (self._compares and given != issued):
            raise _RefusedError(
                "CodeMismatchException", "Invalid verification code provided, please try again."
            )

    def _known(self, data: Data) -> tuple[Data | None, Data | None]:
        """Return the pool of the app client and the user of the name, as far as there are such."""
        pool, _ = self._cognito._pool_for_client(data.get("ClientId"))
        user = self._cognito._resolve_user(pool, data.get("Username"))[0] if pool else None
        return pool, user

    def _owner(self, data: Data) -> tuple[Data, Data]:
        user, pool = self._cognito._user_pool_for_access_token(data.get("AccessToken"))
        if not user:
            raise _RefusedError("NotAuthorizedException", "Invalid Access Token")
        return pool, user

    def _attributes(self, user: Data) -> dict[str, str]:
        found: dict[str, str] = self._cognito._attr_list_to_dict(user["Attributes"])
        return found

    def _sent_to(self, address: str) -> Data:
        return {
            "AttributeName": _ADDRESS,
            "DeliveryMedium": "EMAIL",
            "Destination": self._cognito._masked_destination(address),
        }


def _users(pool: Data) -> list[Data]:
    """Return those of this moment: each request has a thread of its own."""
    return list(pool["_users"].values())


def _same(one: str, other: str) -> bool:
    return one.lower() == other.lower()


def _ignores_case(pool: Data) -> bool:
    return (pool.get("UsernameConfiguration") or {}).get("CaseSensitive") is False


def _has_address_as_alias(pool: Data) -> bool:
    return _ADDRESS in (pool.get("AliasAttributes") or [])


def _kept_until_verified(pool: Data) -> list[str]:
    settings = pool.get("UserAttributeUpdateSettings") or {}
    kept: list[str] = settings.get("AttributesRequireVerificationBeforeUpdate") or []
    return kept


def _is_verified(attributes: dict[str, str]) -> bool:
    return bool(attributes.get(_ADDRESS)) and attributes.get("email_verified") == "true"


def _require_address(data: Data) -> None:
    if data.get("AttributeName") != _ADDRESS:
        raise _RefusedError(
            "InvalidParameterException", "Invalid attribute name: only email can be verified here."
        )
