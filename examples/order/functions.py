"""The functions of the order: what would be Lambda functions, a warehouse and a carrier."""

import threading
import time
from typing import Any

from stepwell.local import send_task_success

PACKING_SECONDS = 1.5


class OutOfStock(Exception):
    """Something that was ordered is not there."""


class SuspectedFraud(Exception):
    """The customer is not who they seem to be."""


class PaymentDeclined(Exception):
    """The bank says no."""


class CarrierUnavailable(Exception):
    """The carrier cannot be reached just now."""


def reserve_stock(order: dict[str, Any]) -> dict[str, Any]:
    missing = [item["sku"] for item in order["items"] if item["quantity"] > 100]
    if missing:
        raise OutOfStock(f"Not in stock: {', '.join(missing)}")
    total = sum(item["quantity"] * item["price"] for item in order["items"])
    return {"reservationId": f"R-{order['orderId']}", "total": total}


def check_for_fraud(purchase: dict[str, Any]) -> dict[str, Any]:
    if purchase["customer"]["email"].endswith(".invalid"):
        raise SuspectedFraud(f"Nobody can be reached at {purchase['customer']['email']}")
    return {"score": 3}


def take_payment(charge: dict[str, Any], context: Any) -> dict[str, Any]:
    if charge["card"] == "tok_declined":
        raise PaymentDeclined("The card was declined")
    return {"paymentId": f"P-{charge['orderId']}", "amount": charge["amount"], "requestId": context.aws_request_id}


def write_invoice(sale: dict[str, Any]) -> dict[str, Any]:
    return {"number": f"INV-{sale['orderId']}", "amount": sale["amount"]}


def pack_parcel(job: dict[str, Any]) -> None:
    """Hands the job to the warehouse and returns; the answer comes later, with the task token."""
    threading.Thread(target=_pack, args=(job,), daemon=True).start()


def _pack(job: dict[str, Any]) -> None:
    time.sleep(PACKING_SECONDS)
    pieces = sum(item["quantity"] for item in job["items"])
    send_task_success(job["taskToken"], {"parcelId": f"PARCEL-{job['orderId']}", "pieces": pieces})


def book_carrier(shipment: dict[str, Any]) -> dict[str, Any]:
    """A carrier that answers the third time it is asked."""
    if shipment["attempt"] < 2:
        raise CarrierUnavailable("503 Service Unavailable")
    return {"trackingNumber": f"TRACK-{shipment['orderId']}"}


async def confirm_to_customer(message: dict[str, Any]) -> dict[str, Any]:
    return {"sent": message["text"]}


def refund_payment(refund: dict[str, Any]) -> dict[str, Any]:
    return {"refundId": refund["paymentId"].replace("P-", "REFUND-")}


def release_stock(reservation: dict[str, Any]) -> None:
    """The stock is for others again."""
