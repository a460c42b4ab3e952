"""The price of an order: an ordinary Lambda handler, which asks DynamoDB with boto3."""

import os
from decimal import Decimal

import boto3

stock = boto3.resource("dynamodb").Table(os.environ["STOCK_TABLE"])


def handler(event, context):
    item = stock.get_item(Key={"sku": event["sku"]})["Item"]
    total = item["price"] * Decimal(event["count"])
    print(f"{event['count']} x {event['sku']} costs {total}")
    return {"total": total}
