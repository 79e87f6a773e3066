"""What tests furnish a shop and its baskets with, beyond the seed's two products."""

from typing import Any

from outside.claims import SERVICE, bearer
from outside.shop import usd
from outside.upstream import Upstream
from outside.wire import SHOP, Result, unique

AS_SERVICE = {"authorization": bearer("catalogue", **SERVICE)}
HOME = {
    "firstName": "Patricia",
    "lastName": "Miller",
    "addressLine1": "Berliner Str. 20",
    "postalCode": "14482",
    "city": "Potsdam",
    "countryCode": "DE",
}
IN_2030 = "2030-01-01T10:00:00Z"


def of(caller: str, **claims: object) -> dict[str, object]:
    """Give the headers of a caller with these claims."""
    return {"authorization": bearer(caller, **claims)}


def elements(*skus: str) -> dict[str, Any]:
    """Give the body that adds one piece of each."""
    return {"elements": [{"sku": sku, "quantity": {"value": 1}} for sku in skus]}


def filled(upstream: Upstream, *skus: str, channel: str = SHOP, **options: Any) -> str:
    """Make a basket of patricia's, or of whom the options say, with one piece of each; give its id."""
    key = unique("basket")
    assert upstream.ask("basket.create", key, channel=channel, **options).status == 201
    if skus:
        added = upstream.ask("basket.item.add", key, elements(*skus), channel=channel, **options)
        assert added.status == 201, added.body
    return key


def item_ids(shown: Result) -> dict[str, str]:
    """Give the ids of the items that a basket shows, by SKU."""
    links = [link for bucket in shown.json.get("shippingBuckets", ()) for link in bucket["lineItems"]]
    return {
        next(attribute["value"] for attribute in link["attributes"] if attribute["name"] == "sku"): link[
            "uri"
        ].rpartition("/")[2]
        for link in links
    }


def product(price: float = 1.0, **more: object) -> dict[str, Any]:
    return {"name": "Mouse", "price": usd(price), "taxRate": 0, **more}


def quote(customer: str, *skus: str, state: str = "open", valid_to: str = IN_2030) -> dict[str, Any]:
    """Give a quote of one piece of each at 5 USD."""
    agreed = [{"sku": sku, "quantity": 1, "price": usd(5)} for sku in skus]
    return {"customer": customer, "state": state, "validTo": valid_to, "items": agreed}
