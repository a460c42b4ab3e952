"""The functions of the approval. `ask_manager` and `remind_manager` stand in for a queue and a topic."""

from datetime import datetime, timedelta
from typing import Any

PAYDAY = 25


def find_payday(request: dict[str, str]) -> str:
    """Nine o'clock on the next 25th of a month."""
    moment = datetime.fromisoformat(request["after"]).replace(hour=9, minute=0, second=0, microsecond=0)
    moment += timedelta(days=1)
    while moment.day != PAYDAY:
        moment += timedelta(days=1)
    return moment.isoformat().replace("+00:00", "Z")


def pay_out(payment: dict[str, Any]) -> dict[str, str]:
    return {"reference": f"{payment['employee'].split()[-1].upper()}-{payment['amount']}"}


def ask_manager(message: dict[str, Any]) -> dict[str, str]:
    """Takes the question; nobody ever answers it."""
    return {"MessageId": f"question-{message['MessageBody']['reminder']}"}


def remind_manager(message: dict[str, str]) -> dict[str, str]:
    return {"MessageId": f"reminder-{len(message['Message'])}"}
