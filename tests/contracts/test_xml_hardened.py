"""XML as an attacker sends it: refused in less than a second, with nothing expanded and nothing fetched."""

import time
import tracemalloc

import pytest

from contracts import codec_json, codec_xml
from contracts.commands import BasketCreate, BasketUpdate
from contracts.envelope import MAX_BODY_BYTES
from contracts.errors import Errors, Problem
from contracts.xml_reading import MAX_DEPTH, MAX_PARTS

DECLARED = b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
LAUGHS = b"".join(
    b'<!ENTITY l%d "%s">' % (level, b"&l%d;" % (level - 1) * 10 if level else b"ha") for level in range(20)
)
DTD = "a DTD, and entities of its own, are not taken"


def refusal(body: bytes) -> Problem:
    """Give the one problem of a body that is no XML as the contract takes it."""
    assert len(body) <= MAX_BODY_BYTES
    began = time.process_time()
    command, (problem,) = codec_xml.decode(body, BasketUpdate)
    assert time.process_time() - began < 1
    assert command is None
    assert (problem.code.value, problem.path) == ("command.malformed.error", "$")
    assert len(codec_xml.encode(Errors(errors=(problem,)))) < 1000
    return problem


@pytest.mark.parametrize(
    "doctype",
    [
        b"<!DOCTYPE Basket>",
        b"<!DOCTYPE Basket []>",
        b"<!DOCTYPE Basket [" + LAUGHS + b"]>",
        b'<!DOCTYPE Basket [<!ENTITY l19 "' + b"x" * 100_000 + b'">]>',
        b'<!DOCTYPE Basket [<!ENTITY l19 SYSTEM "file:///etc/passwd">]>',
        b'<!DOCTYPE Basket [<!ENTITY l19 SYSTEM "http://127.0.0.1:9/">]>',
        b'<!DOCTYPE Basket [<!ENTITY % l19 SYSTEM "http://127.0.0.1:9/"> %l19;]>',
        b'<!DOCTYPE Basket SYSTEM "http://127.0.0.1:9/basket.dtd">',
        b'<!DOCTYPE Basket PUBLIC "-//W3C//DTD XHTML 1.0//EN" "file:///etc/passwd">',
        b'<!DOCTYPE Basket [<!ATTLIST Basket department CDATA "Sales">]>',
        b"<!-- a comment --><?a pi?><!DOCTYPE Basket []>",
    ],
)
@pytest.mark.parametrize("declaration", [DECLARED, b""])
def test_a_dtd_is_refused_and_no_entity_of_it_is_looked_at(declaration: bytes, doctype: bytes) -> None:
    bomb = b"<Basket><department>" + b"&l19;" * 20_000 + b"</department></Basket>"
    problem = refusal(declaration + doctype + bomb)
    assert DTD in problem.message
    assert f"line {2 if declaration else 1}, column " in problem.message


@pytest.mark.parametrize(
    "entity", [b"&nbsp;", b"&l19;", b"&lt", b"&;", b"&#0;", b"&#1;", b"&#xD800;", b"&#x110000;"]
)
def test_an_entity_that_is_not_one_of_xmls_own_is_refused(entity: bytes) -> None:
    problem = refusal(b"<Basket><department>" + entity + b"</department></Basket>")
    assert "line 1, column 2" in problem.message  # the 20th and a few


def test_the_entities_of_xml_itself_are_read() -> None:
    body = b"<Basket><department>&lt;&amp;&gt;&quot;&apos;&#228;&#x1F600;</department></Basket>"
    command, problems = codec_xml.decode(body, BasketUpdate)
    assert problems == []
    assert command is not None
    assert command.department == "<&>\"'ä😀"


def test_an_xinclude_is_a_field_that_nobody_knows() -> None:
    body = (
        b'<Basket xmlns:xi="http://www.w3.org/2001/XInclude">'
        b'<xi:include href="file:///etc/passwd" parse="text"/></Basket>'
    )
    command, (problem,) = codec_xml.decode(body, BasketUpdate)
    assert command == BasketUpdate()
    assert problem.code.value == "command.unknown_field.error"
    assert problem.path == "$['{http://www.w3.org/2001/XInclude}include']"


def test_processing_instructions_and_comments_are_skipped() -> None:
    inside = b'<?xml-stylesheet href="http://127.0.0.1:9/"?><!-- <!DOCTYPE a [<!ENTITY b "c">]> -->'
    body = (
        DECLARED + inside + b"<Basket>" + inside + b"<department>Sa" + inside + b"les</department></Basket>"
    )
    assert codec_xml.decode(body + inside, BasketUpdate) == (BasketUpdate(department="Sales"), [])


def test_what_looks_like_a_dtd_in_a_text_is_text() -> None:
    body = b'<Basket><department><![CDATA[<!DOCTYPE a [<!ENTITY b "c">]>&b;]]></department></Basket>'
    command, problems = codec_xml.decode(body, BasketUpdate)
    assert command == BasketUpdate(department='<!DOCTYPE a [<!ENTITY b "c">]>&b;')
    assert problems == []


@pytest.mark.parametrize("tag", [b"<a>", b"<dynamicMessages>", b"<recurrence>"])
def test_nesting_has_an_end(tag: bytes) -> None:
    deepest = min(100_000, (MAX_BODY_BYTES - 100) // len(tag))
    for depth in (MAX_DEPTH, 50, 1_000, deepest):
        assert f"elements more than {MAX_DEPTH} deep" in refusal(b"<Basket>" + tag * depth).message
    closing = tag.replace(b"<", b"</")
    for depth in range(1, MAX_DEPTH):
        body = b"<Basket>" + tag * depth + closing * depth + b"</Basket>"
        _, problems = codec_xml.decode(body, BasketUpdate)
        assert all(problem.path != "$" for problem in problems)


@pytest.mark.parametrize(
    "body",
    [
        b"<Basket>" + b"<a/>" * 60_000 + b"</Basket>",
        b"<Basket " + b" ".join(b'a%d=""' % number for number in range(22_000)) + b"/>",
    ],
)
def test_elements_and_attributes_are_counted(body: bytes) -> None:
    assert f"more than {MAX_PARTS} elements" in refusal(body).message


def test_a_body_full_of_unknown_elements_is_answered_in_bounds() -> None:
    body = b"<Basket>" + b"".join(b"<a%d/>" % number for number in range(MAX_PARTS - 1)) + b"</Basket>"
    began = time.process_time()
    _, problems = codec_xml.decode(body, BasketUpdate)
    assert time.process_time() - began < 1
    assert len(problems) == MAX_PARTS - 1


def test_the_largest_body_takes_no_more_than_a_few_megabytes() -> None:
    bodies = [b"<a>" * 80_000, b"<Basket>" + b"<a/>" * 60_000, b"<Basket a='" + b"x" * 260_000 + b"'/>"]
    for body in bodies:
        tracemalloc.start()
        codec_xml.decode(body, BasketUpdate)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 32 * 2**20


@pytest.mark.parametrize("name", [b"department", b"unknown", b"type", b"xmlns"])
def test_an_attribute_of_any_size_is_a_value_or_a_problem(name: bytes) -> None:
    body = b"<Basket %b='" % name + b"x" * 250_000 + b"'/>"
    command, problems = codec_xml.decode(body, BasketUpdate)
    assert (command is None) <= bool(problems)
    assert all(len(problem.message) <= 300 for problem in problems)
    assert len(codec_json.encode(Errors(errors=tuple(problems)))) < 1000


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "utf-7"])
@pytest.mark.parametrize("declares", [True, False])
def test_another_encoding_than_utf_8_is_refused(encoding: str, *, declares: bool) -> None:
    declaration = f'<?xml version="1.0" encoding="{encoding}"?>' if declares else ""
    body = f"{declaration}<Basket><department>Grüße</department></Basket>".encode(encoding)
    if encoding != "utf-7" or declares:  # without a declaration UTF-7 is ASCII, and read as what it says
        assert "line 1, column " in refusal(body).message


@pytest.mark.parametrize("declared", ["ISO-8859-1", "UTF-16", "US-ASCII", "utf8", "x", "UTF-8-SIG"])
def test_an_encoding_that_is_declared_and_not_utf_8_is_refused(declared: str) -> None:
    body = f'<?xml version="1.0" encoding="{declared}"?><Basket/>'.encode()
    assert "encoding" in refusal(body).message


@pytest.mark.parametrize(
    "before",
    [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<?xml version="1.0" standalone="yes"?>',
        "",
        "\ufeff",
        "\n  ",
    ],
)
def test_utf_8_is_taken_with_and_without_saying_so(before: str) -> None:
    body = f"{before}<Basket><department>Grüße 😀</department></Basket>\n".encode()
    assert codec_xml.decode(body, BasketUpdate) == (BasketUpdate(department="Grüße 😀"), [])


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"", "line 1, column 1"),
        (b" \n ", "line 2, column 2"),
        (b"{}", "line 1, column 1"),
        (b"<Basket>", "line 1, column 9"),
        (b"<Basket></basket>", "line 1, column 11"),
        (b"<Basket/><Basket/>", "line 1, column 10"),
        (b"<Basket/>x", "line 1, column 10"),
        (b"\n <?xml version='1.0'?><Basket/>", "line 2, column 2"),
        (b"<Basket>\n\x00</Basket>", "line 2, column 1"),
        (b"<Basket>\r\n\xc3\xa4\xff</Basket>", "line 2, column 2"),
        (b"<Basket>\xed\xa0\x80</Basket>", "line 1, column 9"),
        (b"<Basket>\xef\xbf\xbe</Basket>", "line 1, column 9"),
        (b"<Basket>\x01</Basket>", "line 1, column 9"),
        (b'<Basket\n a="1"\n a="2"/>', "line 3, column 2"),
        (b"<p:Basket/>", "line 1, column 1"),
        ("<Basket>ä<b></Basket>".encode(), "line 1, column 15"),
    ],
)
def test_what_is_no_xml_is_refused_where_it_is_none(body: bytes, place: str) -> None:
    assert place in refusal(body).message


def test_no_body_is_one_where_none_is_needed() -> None:
    assert codec_xml.decode(b"  \n", BasketCreate) == (BasketCreate(), [])
