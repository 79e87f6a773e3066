"""Bodies in XML: what an element stands for, and that nothing ever raises."""

import json
from decimal import Decimal
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import pytest
import wild
from hypothesis import given, settings
from hypothesis import strategies as st
from reading_xml import codes_and_paths, problems_of, read

from contracts import codec_json, codec_xml, commands, reference_data
from contracts.body import Command, Money
from contracts.commands import (
    BasketItemAdd,
    BasketUpdate,
    RecurrencePause,
    RecurrencePreview,
    RecurrenceResume,
)
from contracts.errors import ErrorKey
from contracts.reference_data import (
    AddressPut,
    ChannelPut,
    DataObjectPut,
    FileInput,
    ProductPut,
    QuotePut,
    UserPut,
)

TYPES = sorted(set(commands.BY_TYPE.values()), key=lambda type_: type_.__name__)
FIELDS = sorted({name for type_ in TYPES for name in type_.__struct_encode_fields__})
# What XML 1.0 can hold, and what a parser leaves as it is: CR becomes LF.
LETTERS = "".join(
    letter for letter in wild.STORABLE_LETTERS if letter in "\t\n" or (letter >= " " and letter != "\uffff")
)
texts = st.text(LETTERS, max_size=20)
trimmed = texts.map(lambda text: text.strip(" \t\n"))
types = st.sampled_from(TYPES)


def written(name: str, value: Any) -> str:
    """Write JSON the way the contract's XML is: children, and lists in wrappers."""
    if isinstance(value, dict):
        inside = "".join(written(field, item) for field, item in value.items())
    elif isinstance(value, list):
        inside = "".join(written("PromotionLink", item) for item in value)
    else:
        inside = escape(value if isinstance(value, str) else json.dumps(value), {"\t": "&#9;", "\n": "&#10;"})
    return f"<{name}>{inside}</{name}>"


ADDRESS = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ["firstName", "addressLine1", "city", "postalCode", "countryCode", "id", "urn"], trimmed
    ),
)
UPDATES = st.fixed_dictionaries(
    {},
    optional={
        "recurrence": st.fixed_dictionaries(
            {},
            optional={
                "startDate": trimmed | st.just("2026-03-01T10:00:00+01:00"),
                "interval": trimmed,
                "repetitions": st.integers() | st.decimals(-1, 100, places=2).map(float),
                "executeMissedOrders": st.booleans(),
                "timeZone": trimmed,
            },
        ),
        "commonShipToAddress": ADDRESS,
        "invoiceToAddress": ADDRESS,
        "commonShippingMethod": st.fixed_dictionaries({"id": trimmed}, optional={"name": trimmed}),
        "promotions": st.lists(st.fixed_dictionaries({"code": trimmed}), max_size=4),
        "department": trimmed,
        "taxationID": trimmed,
        "taxExempt": st.booleans(),
        "zip": trimmed,
    },
)


@settings(max_examples=300)
@given(UPDATES)
def test_an_update_in_xml_is_the_same_command_with_the_same_problems_as_in_json(body: dict[str, Any]) -> None:
    in_json = codec_json.decode(json.dumps(body).encode(), BasketUpdate)
    assert codec_xml.decode(written("Basket", body).encode(), BasketUpdate) == in_json


@given(st.dictionaries(st.sampled_from(["department", "taxationID", "costCenterID"]), trimmed))
def test_a_field_may_be_an_attribute_or_an_element(fields: dict[str, str]) -> None:
    references = {"\t": "&#9;", "\n": "&#10;"}
    attributes = " ".join(f"{name}={quoteattr(text, references)}" for name, text in fields.items())
    as_attributes = codec_xml.decode(f"<Basket {attributes}/>".encode(), BasketUpdate)
    assert as_attributes == codec_xml.decode(written("Basket", fields).encode(), BasketUpdate)


@settings(max_examples=200)
@given(st.binary(max_size=200), types)
def test_any_bytes_are_a_body_or_a_problem(body: bytes, type_: type[Command]) -> None:
    problems_of(body, type_)
    problems_of(b"<" + (type_.xml_name or type_.__name__).encode() + b">" + body, type_)


trees = st.recursive(
    texts.map(escape),
    lambda inner: st.lists(
        st.tuples(
            st.sampled_from([*FIELDS, "ID", "Element", "String", "x"]), inner, st.sampled_from(FIELDS), texts
        ),
        max_size=4,
    ).map(lambda found: "".join(f"<{a} {c}={quoteattr(d)}>{b}</{a}>" for a, b, c, d in found)),
    max_leaves=12,
)


@settings(max_examples=300)
@given(trees, types)
def test_any_small_tree_is_a_body_or_a_problem(inside: str, type_: type[Command]) -> None:
    root = type_.xml_name or type_.__name__
    problems_of(f"<{root}>{inside}</{root}>".encode(), type_)


@pytest.mark.parametrize("type_", TYPES)
def test_the_root_is_named_as_the_command(type_: type[Command]) -> None:
    root = type_.xml_name or type_.__name__
    assert all(problem.path != "$" for problem in problems_of(f"<{root}/>".encode(), type_))
    (problem,) = problems_of(b"<!-- -->\n <basket/>", type_)
    assert f"line 2, column 2: the root element must be {root!r}, not 'basket'" in problem.message
    assert codes_and_paths(f'<{root} xmlns="urn:x"/>', type_) == [("malformed", "$")]


@pytest.mark.parametrize(
    ("body", "type_", "expected"),
    [
        ("<Basket><deparment>Sales</deparment></Basket>", BasketUpdate, [("unknown_field", "$.deparment")]),
        ("<Basket taxationId='1'/>", BasketUpdate, [("unknown_field", "$.taxationId")]),
        ("<Basket><ID>1</ID></Basket>", BasketUpdate, [("unknown_field", "$.ID")]),
        ("<Basket><n:department xmlns:n='urn:n'>x</n:department></Basket>", BasketUpdate,
         [("unknown_field", "$['{urn:n}department']")]),
        ("<Basket><taxExempt>yes</taxExempt></Basket>", BasketUpdate, [("malformed", "$.taxExempt")]),
        ("<Basket><taxExempt/></Basket>", BasketUpdate, [("malformed", "$.taxExempt")]),
        ("<Basket><taxExempt>1</taxExempt></Basket>", BasketUpdate, [("malformed", "$.taxExempt")]),
        ("<Basket><department lang='de'>Sales</department></Basket>", BasketUpdate,
         [("malformed", "$.department")]),
        ("<Basket><department><b>Sales</b></department></Basket>", BasketUpdate,
         [("malformed", "$.department")]),
        ("<Basket><commonShipToAddress>Potsdam</commonShipToAddress></Basket>", BasketUpdate,
         [("malformed", "$.commonShipToAddress")]),
        ("<Basket><commonShipToAddress><name>x</name><zip/></commonShipToAddress></Basket>", BasketUpdate,
         [("unknown_field", "$.commonShipToAddress.name"), ("unknown_field", "$.commonShipToAddress.zip")]),
        ("<Basket><commonShippingMethod/></Basket>", BasketUpdate,
         [("malformed", "$.commonShippingMethod.id")]),
        ("<Basket><promotions>A</promotions></Basket>", BasketUpdate, [("malformed", "$.promotions")]),
        ("<Basket promotions='A'/>", BasketUpdate, [("malformed", "$.promotions")]),
        ("<Basket><promotions><Promotion/></promotions></Basket>", BasketUpdate,
         [("unknown_field", "$.promotions.Promotion")]),
        ("<Basket><promotions><PromotionLink code='A'/><PromotionLink/></promotions></Basket>", BasketUpdate,
         [("malformed", "$.promotions[1].code")]),
        ("<Basket><promotions count='1'/></Basket>", BasketUpdate, [("unknown_field", "$.promotions.count")]),
        ("<ProductPut name='M' taxRate='NaN'><price currencyMnemonic='USD' value='1,5'/></ProductPut>",
         ProductPut, [("malformed", "$.taxRate"), ("malformed", "$.price.value")]),
        ("<ProductPut taxRate='19'><price currencyMnemonic='USD' value='1'/></ProductPut>", ProductPut,
         [("malformed", "$.name")]),
        ("<ChannelPut catchUpLimit='1.5' priceType='free'/>", ChannelPut,
         [("malformed", "$.catchUpLimit"), ("malformed", "$.priceType")]),
        ("<ChannelPut catchUpLimit='+1'/>", ChannelPut, [("malformed", "$.catchUpLimit")]),
        ("<ChannelPut catchUpLimit='007'/>", ChannelPut, [("malformed", "$.catchUpLimit")]),
        (f"<ChannelPut catchUpLimit='{'9' * 5000}'/>", ChannelPut, [("malformed", "$.catchUpLimit")]),
        ("<ChannelPut shippingTaxRate='1e9999999999999999999'/>", ChannelPut,
         [("malformed", "$.shippingTaxRate")]),
    ],
)  # fmt: skip
def test_wrong_types_and_names_are_all_found_with_their_paths(
    body: str, type_: type[Command], expected: list[tuple[str, str]]
) -> None:
    assert sorted(codes_and_paths(body, type_)) == sorted(expected)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("<Basket>\n<department>a</department>\n <department>a</department></Basket>", "line 3, column 2: "),
        ("<Basket department='a'><department>a</department></Basket>", "line 1, column 24: "),
        (
            "<Basket><commonShipToAddress id='a'><ID>a</ID></commonShipToAddress></Basket>",
            "line 1, column 37: ",
        ),
        ("<Basket><x/><x/></Basket>", "line 1, column 13: "),
        ("<Basket>text<department/></Basket>", "text stands beside"),
        ("<Basket><department/>text</Basket>", "text stands beside"),
        ("<Basket><dynamicMessages>text<b/></dynamicMessages></Basket>", "text stands beside"),
        ("<Basket><promotions>,<PromotionLink/></promotions></Basket>", "text stands beside"),
    ],
)
def test_a_field_that_stands_twice_and_text_among_elements_are_malformed(body: str, message: str) -> None:
    (problem,) = problems_of(body.encode(), BasketUpdate)
    assert (problem.code, problem.path) == (ErrorKey.MALFORMED, "$")
    assert message in problem.message


def test_type_and_name_are_taken_everywhere_and_are_a_field_where_there_is_one() -> None:
    decorated = (
        '<BasketItemAdd type="a" name="b"><elements type="a" name="b"><Element type="a" name="b">'
        '<sku type="a" name="b">5</sku><quantity type="Quantity" name="b"><value type="Integer">2</value>'
        "</quantity></Element></elements></BasketItemAdd>"
    )
    (element,) = read(decorated, BasketItemAdd).elements
    assert (element.sku, element.quantity.value) == ("5", 2)
    both = '<Basket><commonShippingMethod name="a"><name>a</name><id>b</id></commonShippingMethod></Basket>'
    assert read(both, BasketUpdate).common_shipping_method.id == "b"
    mouse = '<ProductPut name="Mouse" taxRate="19"><price currencyMnemonic="USD" value="9.50"/></ProductPut>'
    assert read(mouse, ProductPut).name == "Mouse"


def test_texts_become_what_the_field_wants() -> None:
    mouse = read(
        "<ProductPut><name> Mouse </name><price><currencyMnemonic>USD</currencyMnemonic><value>9.50</value>"
        "</price><taxRate>\n 19.0\n</taxRate><available>false</available></ProductPut>",
        ProductPut,
    )
    assert (mouse.name, mouse.available, str(mouse.tax_rate)) == ("Mouse", False, "19.0")
    assert mouse.price == Money(currency_mnemonic="USD", value=Decimal("9.50"))  # type: ignore[arg-type]
    assert read("<RecurrenceResume><missed>all</missed></RecurrenceResume>", RecurrenceResume).missed == "all"
    assert read('<RecurrenceResume missed="5"/>', RecurrenceResume).missed == 5
    assert read("<RecurrencePause><until>5</until></RecurrencePause>", RecurrencePause).until == "5"
    assert read("<Basket><taxationID>007</taxationID></Basket>", BasketUpdate).taxation_id == "007"
    assert read("<Basket><department>true</department></Basket>", BasketUpdate).department == "true"
    assert read("<Basket><department/></Basket>", BasketUpdate).department == ""
    assert read("<Basket><department><![CDATA[<b>]]></department></Basket>", BasketUpdate).department == "<b>"


@pytest.mark.parametrize(
    ("text", "value"),
    [("2", 2), ("2.0", Decimal("2.0")), ("-1", -1), ("two", "two"), ("", ""), ("1e400", Decimal("1e400"))],
)
def test_a_value_with_an_error_key_of_its_own_is_a_number_when_it_is_one(text: str, value: object) -> None:
    preview = read(
        f'<RecurrencePreview><recurrence repetitions="{text}"/></RecurrencePreview>', RecurrencePreview
    )
    assert preview.recurrence.repetitions == value
    assert type(preview.recurrence.repetitions) is type(value)


def test_a_quantity_is_a_number_or_an_object() -> None:
    item = "<QuoteItem><sku>a</sku>{}<price currencyMnemonic='USD' value='1'/></QuoteItem>"
    forms = ["<quantity>2</quantity>", "<quantity value='2'/>", "<quantity><value>2</value></quantity>"]
    quote = read(
        "<QuotePut customer='c' state='open' validTo='2030-01-01T00:00:00Z'><items>"
        + "".join(map(item.format, forms))
        + "</items></QuotePut>",
        QuotePut,
    )
    quantities = [item.quantity for item in quote.items]
    assert quantities == [2, {"value": 2}, {"value": 2}]


def test_a_list_of_texts_has_strings() -> None:
    user = read("<UserPut><groups><String>a</String><String>b c</String></groups></UserPut>", UserPut)
    assert user.groups == ("a", "b c")
    assert read("<UserPut><groups/></UserPut>", UserPut).groups == ()
    assert codes_and_paths("<UserPut><groups><group>a</group></groups></UserPut>", UserPut) == [
        ("unknown_field", "$.groups.group")
    ]


def test_an_address_names_its_owner_in_xml_too() -> None:
    address = read("<AddressPut owner='me' shipTo='true'><city>Potsdam</city></AddressPut>", AddressPut)
    assert (address.owner, address.ship_to, address.city) == ("me", True, "Potsdam")


def test_a_deletion_needs_no_body_and_takes_an_empty_element() -> None:
    for body in ("", "<Delete/>"):
        assert read(body, reference_data.Delete) == reference_data.Delete()


def test_free_fields_are_texts_by_name_and_a_list_where_a_name_stands_again() -> None:
    put = read(
        "<DataObjectPut><providerId>p</providerId><createdAt>2026-06-01T12:00:00Z</createdAt>"
        "<attributes band='4'><platform>Sentinel-2</platform><tag>a</tag><tag>b</tag>"
        "<size><width>5</width></size></attributes>"
        "<files><File name='a.tif' type='RAWDATA' size='10' reference='true'/></files></DataObjectPut>",
        DataObjectPut,
    )
    assert put.attributes == {
        "band": "4",
        "platform": "Sentinel-2",
        "tag": ["a", "b"],
        "size": {"width": "5"},
    }
    assert put.files == (FileInput(name="a.tif", type="RAWDATA", size=10, reference=True),)
