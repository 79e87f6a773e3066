"""One true example of every body, for readers and for generators: each is valid against its own schema.

Basket, order and addresses are those of Intershop's document. Bodies that may be empty need no entry.
"""

from __future__ import annotations

from typing import Any


def _money(value: float) -> dict[str, Any]:
    return {"type": "Money", "currencyMnemonic": "USD", "value": value}


def _price(value: float) -> dict[str, Any]:
    return {"currencyMnemonic": "USD", "value": value}


_WRITTEN_ADDRESS: dict[str, Any] = {
    "title": "Mrs.",
    "firstName": "Patricia",
    "lastName": "Miller",
    "addressLine1": "Berliner Str. 20",
    "postalCode": "14482",
    "city": "Potsdam",
    "country": "Germany",
    "countryCode": "DE",
}
_ADDRESS: dict[str, Any] = {"type": "Address", "id": "Xf7AqMgoyuMAAAEs2sx0Uei", **_WRITTEN_ADDRESS}
_METHOD: dict[str, Any] = {"type": "ShippingMethodRO", "id": "STD_5DAY", "name": "5-Business Day"}
_ITEM = "yN4KAB3RUBcAAAFGZw5jRgSC"
_BASKET_ID = "L2IKAB3Rr6YAAAFGbuhjRgSB"
_TOTALS: dict[str, Any] = {
    "name": "basketTotals",
    "type": "BasketTotals",
    "basketTotal": _money(64.02),
    "itemTotal": _money(47.08),
    "shippingTotal": _money(16.94),
    "taxTotal": _money(10.22),
    "basketValueRebatesTotal": _money(0),
    "itemShippingRebatesTotal": _money(0),
    "bucketShippingRebatesTotal": _money(0),
    "basketShippingRebatesTotal": _money(0),
    "dutiesAndSurchargesTotal": _money(0),
}
_TAXES: dict[str, Any] = {
    "salesTaxTotalsByTaxRate": [{"name": "name", "type": "AppliedTax", "amount": _money(7.52), "rate": 19}],
    "shippingTaxTotalsByTaxRate": [{"name": "name", "type": "AppliedTax", "amount": _money(2.7), "rate": 19}],
}
_LINK: dict[str, Any] = {
    "type": "Link",
    "uri": f"default/baskets/{_BASKET_ID}/items/{_ITEM}",
    "title": "Benq MD300",
    "attributes": [
        {"name": "position", "type": "Integer", "value": 1},
        {"name": "sku", "type": "String", "value": "1612143"},
    ],
}
_BASKET: dict[str, Any] = {
    "name": "basket",
    "type": "Basket",
    "id": _BASKET_ID,
    "owner": "patricia",
    "version": 3,
    "purchaseCurrency": "USD",
    "multipleShippmentsSupported": False,
    "invoiceToAddress": _ADDRESS,
    "commonShipToAddress": _ADDRESS,
    "commonShippingMethod": _METHOD,
    **_TAXES,
    "shippingBuckets": [
        {
            "name": "basketShippingBucket",
            "type": "BasketShippingBucket",
            "shippingMethod": {**_METHOD, "type": "BasketShippingMethod"},
            "shipToAddress": _ADDRESS,
            "lineItems": [_LINK],
        }
    ],
    "totals": _TOTALS,
    "recurrence": {
        "type": "Recurrence",
        "startDate": 1769850000000,
        "interval": "P1M",
        "executeMissedOrders": True,
        "timeZone": "Europe/Berlin",
    },
}
_RULE: dict[str, Any] = {
    "startDate": "2026-01-31T09:00:00Z",
    "interval": "P1M",
    "executeMissedOrders": True,
    "timeZone": "Europe/Berlin",
}
_FIRST: dict[str, Any] = {"occurrence": 0, "dueAt": "2026-01-31T09:00:00Z"}
_SECOND: dict[str, Any] = {"occurrence": 1, "dueAt": "2026-02-28T09:00:00Z"}
_ORDER: dict[str, Any] = {
    "type": "Order",
    "id": "9mT0f3c1uXy2-Qd5Kk8_VbNw",
    "number": "1042",
    "basketId": _BASKET_ID,
    "channel": "default",
    "owner": "patricia",
    "recurring": {"generation": 1, **_FIRST, "catchUp": False, "trigger": "schedule"},
    "placedAt": "2026-01-31T09:00:02Z",
    "purchaseCurrency": "USD",
    "invoiceToAddress": _ADDRESS,
    "commonShipToAddress": _ADDRESS,
    "commonShippingMethod": _METHOD,
    **_TAXES,
    "totals": _TOTALS,
    "lineItems": [
        {
            "sku": "1612143",
            "name": "Benq MD300",
            "quantity": 1,
            "price": _money(47.08),
            "total": _money(47.08),
        }
    ],
}
_ORDER_SUMMARY: dict[str, Any] = {
    "id": _ORDER["id"],
    "number": "1042",
    "placedAt": "2026-01-31T09:00:02Z",
    **_FIRST,
    "basketTotal": _money(64.02),
}
_NOTICE: dict[str, Any] = {
    "basketId": _BASKET_ID,
    "generation": 1,
    "state": "active",
    "recurrence": _RULE,
    "nextOrderDate": "2026-02-28T09:00:00Z",
    "orderCount": 1,
}
_DATASET = "URN:AIP:DATASET:tests:2f4c1d5e-0b1a-4c57-9a59-8d4f0e2b7a61:V1"
_OBJECT = "URN:AIP:DATA:tests:7d0c3c2e-5f43-4a6c-8a39-1f2f9c0d4b11:V1"
_SELECTION = "b8dYc0ZB5rGm9Qq4x1kTzA"
_RAW_FILE: dict[str, Any] = {"name": "S2A_T31TCJ_20260601.tif", "type": "RAWDATA", "size": 1000000}
_REASON: dict[str, Any] = {
    "code": "basket.product.not_available.error",
    "message": "product 1612143 is not available",
}

COMMANDS: dict[str, Any] = {
    "basket.create": {"purchaseCurrency": "USD"},
    "basket.list": {"limit": 20},
    "basket.update": {
        "commonShipToAddress": _WRITTEN_ADDRESS,
        "commonShippingMethod": {"id": "STD_5DAY"},
        "recurrence": {
            "startDate": "2026-01-31T10:00:00+01:00",
            "interval": "P1M",
            "timeZone": "Europe/Berlin",
        },
    },
    "basket.item.add": {"elements": [{"sku": "1612143", "quantity": {"value": 1}}]},
    "basket.item.update": {"itemId": _ITEM, "quantity": {"value": 2}},
    "basket.item.remove": {"itemId": _ITEM},
    "basket.selection.add": {
        "engineType": "legacy",
        "datasetUrn": _DATASET,
        "searchParameters": {"q": "platform:Sentinel-2 AND cloudCover:[0 TO 20]"},
        "selectionDate": "2026-06-02T08:00:00Z",
    },
    "basket.selection.upload": {"providerIds": ["S2A_T31TCJ_20260601"]},
    "basket.selection.remove": {
        "datasetSelectionId": _SELECTION,
        "selectionDate": "2026-06-02T08:00:00.000000Z",
    },
    "basket.dataset.remove": {"datasetSelectionId": _SELECTION},
    "basket.dataset.set-filters": {
        "datasetSelectionId": _SELECTION,
        "fileTypes": ["RAWDATA"],
        "fileNamePattern": ".*\\.tif",
    },
    "basket.dataset.set-processing": {
        "datasetSelectionId": _SELECTION,
        "processBusinessId": "crop",
        "parameters": {"margin": 2, "format": "zip"},
    },
    "basket.orders": {"limit": 20},
    "order.files": {"limit": 100},
    "recurrence.preview": {"count": 3},
    "recurrence.pause": {"until": "2026-06-01T00:00:00Z"},
    "recurrence.resume": {"missed": "none"},
    "channel.put": {"recurringOrdersEnabled": True, "currency": "USD", "shippingTaxRate": 19},
    "product.put": {"name": "Benq MD300", "price": _price(47.08), "taxRate": 19},
    "shipping-method.put": {
        "name": "5-Business Day",
        "price": _price(16.94),
        "shippingTimeMin": 3,
        "shippingTimeMax": 5,
    },
    "promotion.put": {"target": "basket", "percentage": 10, "minimum": _price(100)},
    "user.put": {"customer": "primetech", "groups": ["buyers"]},
    "customer.put": {"business": True},
    "address.put": {"owner": "patricia", "shipTo": True, "invoiceTo": True, **_WRITTEN_ADDRESS},
    "store.put": {"address": _WRITTEN_ADDRESS},
    "cost-center.put": {"customer": "primetech", "active": True},
    "quote.put": {
        "customer": "primetech",
        "state": "open",
        "validTo": "2026-12-31T23:59:59Z",
        "items": [{"sku": "1612143", "quantity": 10, "price": _price(41.5)}],
    },
    "dataset.put": {"label": "Sentinel-2, level 1C", "groups": ["observers"]},
    "data-object.put": {
        "providerId": "S2A_T31TCJ_20260601",
        "datasets": [_DATASET],
        "attributes": {"platform": "Sentinel-2", "cloudCover": 12.5, "last": True},
        "geometry": {
            "type": "Polygon",
            "coordinates": [[[0.3, 43.2], [1.7, 43.2], [1.7, 44.2], [0.3, 44.2], [0.3, 43.2]]],
        },
        "createdAt": "2026-06-01T12:00:00Z",
        "files": [_RAW_FILE, {"name": "S2A_T31TCJ_20260601.png", "type": "QUICKLOOK_SD", "size": 500}],
    },
    "process.put": {"forbidSplit": True, "limit": {"type": "FEATURES", "value": 500}},
}

ANSWERS: dict[str, Any] = {
    "Basket": _BASKET,
    "BasketPage": {
        "baskets": [
            {"id": _BASKET_ID, "version": 3, "changed": "2026-01-30T16:20:11Z", "total": _money(64.02)}
        ]
    },
    "Order": _ORDER,
    "OrderPage": {"orders": [_ORDER_SUMMARY]},
    "OrderFilesPage": {
        "files": [
            {"datasetIpid": _DATASET, "objectUrn": _OBJECT, **_RAW_FILE, "reference": False},
        ],
        "next": "1",
    },
    "Preview": {"occurrences": [_FIRST, _SECOND]},
    "RecurrenceStatus": {
        "state": "active",
        "generation": 1,
        "recurrence": _RULE,
        "nextOrderDate": "2026-02-28T09:00:00Z",
        "lastOrderDate": "2026-01-31T09:00:02Z",
        "orderCount": 1,
        "lastOrders": [_ORDER_SUMMARY],
    },
    "Errors": {
        "errors": [
            {
                "code": "basket.recurrence_missing_interval.error",
                "message": "a recurrence needs an interval",
                "path": "$.recurrence.interval",
            }
        ]
    },
}

EVENTS: dict[str, Any] = {
    "order.placed": _ORDER,
    "order.failed": {
        "basketId": _BASKET_ID,
        "generation": 1,
        **_SECOND,
        "catchUp": False,
        "reason": _REASON,
        "attempt": 1,
        "nextTryAt": "2026-02-28T09:01:00Z",
    },
    "order.upcoming": {"basketId": _BASKET_ID, "generation": 1, **_SECOND},
    "occurrence.skipped": {
        "basketId": _BASKET_ID,
        "generation": 1,
        "first": _SECOND,
        "last": _SECOND,
        "count": 1,
        "reason": "paused",
    },
    "recurrence.started": {**_NOTICE, "orderCount": 0, "nextOrderDate": "2026-01-31T09:00:00Z"},
    "recurrence.changed": _NOTICE,
    "recurrence.removed": _NOTICE,
    "recurrence.paused": {**_NOTICE, "state": "paused", "pausedUntil": "2026-06-01T00:00:00Z"},
    "recurrence.resumed": _NOTICE,
    "recurrence.suspended": {"basketId": _BASKET_ID, "generation": 1, "reason": _REASON, **_SECOND},
    "recurrence.expired": {
        "basketId": _BASKET_ID,
        "generation": 1,
        "state": "expired",
        "recurrence": {**_RULE, "repetitions": 1},
        "orderCount": 1,
    },
    "basket.expired": {
        "basketId": _BASKET_ID,
        "changed": "2026-01-30T16:20:11Z",
        "reason": "untouched",
    },
}
