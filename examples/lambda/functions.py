"""The functions of the order: on Step Functions each would be a Lambda function, here all of them are in one."""

from typing import Any


class OutOfStock(Exception):
    """Something that was ordered is not there."""


class PaymentDeclined(Exception):
    """The bank says no."""


class BankUnavailable(Exception):
    """The bank cannot be reached just now."""


def reserve_stock(order: dict[str, Any]) -> dict[str, Any]:
    missing = [item["sku"] for item in order["items"] if item["quantity"] > 100]
    if missing:
        raise OutOfStock(f"Not in stock: {', '.join(missing)}")
    total = sum(item["quantity"] * item["price"] for item in order["items"])
    return {"reservationId": f"R-{order['orderId']}", "total": total}


def take_payment(charge: dict[str, Any], context: Any) -> dict[str, Any]:
    """A bank that answers the second time it is asked about a card that it does not know."""
    if charge["card"] == "tok_declined":
        raise PaymentDeclined("The card was declined")
    if charge["card"] == "tok_unknown" and charge["attempt"] == 0:
        raise BankUnavailable("503 Service Unavailable")
    return {"paymentId": f"P-{charge['amount']}"}


def release_stock(reservation: dict[str, Any]) -> None:
    """The stock is for others again."""
