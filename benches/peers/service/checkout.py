"""From a request's bytes to a checkout that is valid in itself; who asks, and for what, is judged elsewhere."""

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from pydantic import AfterValidator, BaseModel, StringConstraints, TypeAdapter, ValidationError

_MAC = re.compile(
    r"(?:[0-9a-f]{12}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}|(?:[0-9a-f]{2}:){5}[0-9a-f]{2}|(?:[0-9a-f]{2}-){5}[0-9a-f]{2})",
    re.IGNORECASE,
)


class Invalid(Exception):
    """What is wrong with a body, one entry a fault."""

    def __init__(self, faults: list[dict[str, Any]]) -> None:
        super().__init__(faults)
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Checkout:
    partner: str
    external_id: str
    plan: str
    location: str | None
    unit: str | None
    mac: str | None

    @property
    def fingerprint(self) -> str:
        place = f"direct {self.location}" if self.location else f"home_drop {self.unit}"
        return f"{place} {self.plan} {self.mac or '-'}"


def _unicast(text: str) -> str:
    if not _MAC.fullmatch(text):
        raise ValueError("must be a MAC address")
    digits = re.sub(r"[.:-]", "", text).lower()
    if int(digits[:2], 16) & 1 or not int(digits, 16):
        raise ValueError("must be a unicast MAC address")
    return digits


class _Ordered(BaseModel):
    service_provider_document_id: UUID
    plan_version_id: UUID
    external_subscription_id: Annotated[
        str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")
    ]
    mac_address: Annotated[str, AfterValidator(_unicast)] | None = None


class _Direct(_Ordered):
    delivery_mode: Literal["direct"] | None = None
    location_hash: Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{10}$")]


class _HomeDrop(_Ordered):
    delivery_mode: Literal["home_drop"]
    unit_id: UUID


class _Unplaced(_Ordered):
    """Of a mode that is none: which place is needed can't be said, so neither is judged."""

    delivery_mode: Literal["direct", "home_drop"]


_UUID = TypeAdapter(UUID)
_PARTNER = "service_provider_document_id"


def parse_json(body: bytes) -> dict[str, Any]:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Invalid([_fault(["body"], f"Request body is not valid JSON: {error}", "json_invalid")]) from None
    if not isinstance(parsed, dict):
        raise Invalid([_fault(["body"], "Request body must be a JSON object", "dict_type")])
    return parsed


def partner_of(body: dict[str, Any]) -> str:
    if _PARTNER not in body:
        raise Invalid([_fault(["body", _PARTNER], "Field required", "missing")])
    try:
        return str(_UUID.validate_python(body[_PARTNER]))
    except ValidationError as error:
        raise Invalid(_faults(error, _PARTNER)) from None


def parse(body: dict[str, Any]) -> Checkout:
    model: dict[str | None, type[_Ordered]] = {None: _Direct, "direct": _Direct, "home_drop": _HomeDrop}
    mode = body.get("delivery_mode")
    chosen = model.get(mode, _Unplaced) if isinstance(mode, str | None) else _Unplaced
    try:
        order = chosen.model_validate(body)
    except ValidationError as error:
        raise Invalid(_faults(error)) from None
    return Checkout(
        partner=str(order.service_provider_document_id),
        external_id=order.external_subscription_id,
        plan=str(order.plan_version_id),
        location=order.location_hash.lower() if isinstance(order, _Direct) else None,
        unit=str(order.unit_id) if isinstance(order, _HomeDrop) else None,
        mac=order.mac_address,
    )


def _faults(error: ValidationError, field: str | None = None) -> list[dict[str, Any]]:
    listed = error.errors(include_url=False, include_context=False, include_input=False)
    return [_fault(["body", field or fault["loc"][0]], fault["msg"], fault["type"]) for fault in listed]


def _fault(loc: list[Any], msg: str, kind: str) -> dict[str, Any]:
    return {"loc": loc, "msg": msg, "type": kind}
