"""Lucene's tokens, by luqum's lexer, made into what luqum's parser reads as Lucene does.

Everything that can make a query costly is refused here, before anything is parsed: its leaves are counted,
its depth is bounded. `&&`, `||` and `!` become the operators that they are, the minus of a number becomes
part of it, and any other minus is a NOT (luqum reads `a OR b -c` as `a OR (b -c)`). A plus says nothing
where all terms must match anyway.
"""

from __future__ import annotations

import re
from typing import Any

from luqum import parser
from luqum.exceptions import IllegalCharacterError
from luqum.head_tail import TokenValue
from luqum.tree import Word
from ply.lex import LexToken

from worker.domain.search import terms
from worker.domain.search.refusals import QueryError

MAX_DEPTH = 50
MAX_LEAVES = 1000
_MAX_TOKENS = 10_000
_OPERATORS = {"&&": "AND_OP", "||": "OR_OP"}
_BEGINS = frozenset({"TERM", "PHRASE", "TO", "LPAREN", "LBRACKET", "LESSTHAN", "GREATERTHAN", "NOT", "MINUS"})
_BEFORE_A_NUMBER = frozenset({"COLUMN", "LBRACKET", "LESSTHAN", "GREATERTHAN"})
_TOO_DEEP = f"a query is nested at most {MAX_DEPTH} deep"
_NO_REGEX = "regular expressions are not taken: put a text with / in quotes"
_UNREADABLE = {
    '"': "this quote is not closed",
    "/": _NO_REGEX,
    "\\": "a backslash must be followed by the character that it escapes",
}
_REFUSED = {
    "REGEX": _NO_REGEX,
    "APPROX": "searches for what is similar or near (~) are not taken",
    "BOOST": "boosts (^) are not taken: results have no ranks",
}
_PLAIN = re.compile(r'(?:[^\\"&|]|\\.|&(?!&)|\|(?!\|))*')


class Budget:
    """What the texts of one query may have together."""

    def __init__(self) -> None:
        self._leaves = 0

    def spend(self, position: int) -> None:
        self._leaves += 1
        if self._leaves > MAX_LEAVES:
            raise QueryError(f"a query has at most {MAX_LEAVES} terms", position)

    def give_back(self) -> None:
        self._leaves -= 1


def read(text: str, budget: Budget) -> list[LexToken]:
    """Give the tokens of a query for luqum's parser."""
    reader = _Reader(text, budget)
    while (token := reader.lex()) is not None:
        reader.take(token)
    reader.end()
    return reader.found


class _Reader:
    """`_chain` counts the NOTs just before, `_open` those before each parenthesis that is open."""

    def __init__(self, text: str, budget: Budget) -> None:
        self.found: list[LexToken] = []
        self._text = text
        self._budget = budget
        # A lexer of its own for every text: they keep their place in it, and threads share the module's.
        self._lexer = parser.lexer.clone()
        self._lexer.input(text)
        self._open: list[int] = []
        self._chain = 0
        self._is_in_range = False
        self._plus: LexToken | None = None

    def lex(self) -> LexToken | None:
        try:
            return self._lexer.token()
        except IllegalCharacterError:
            place = self._lexer.lexpos
            character = self._text[place]
            sentence = f"{character!r} has no meaning here: put a text with it in quotes"
            raise QueryError(_UNREADABLE.get(character, sentence), place) from None

    def take(self, token: LexToken) -> None:
        if len(self.found) == _MAX_TOKENS:
            raise QueryError(f"a query has at most {_MAX_TOKENS} words and signs", token.lexpos)
        if token.type in _REFUSED:
            raise QueryError(_REFUSED[token.type], token.lexpos)
        if self._plus is not None and token.type not in _BEGINS and token.type != "PLUS":
            self.end()
        if token.type == "PLUS":
            self._plus = token
            self._nest(token)
            return
        self._plus = None
        if token.type == "MINUS":
            token = self._minus(token)
        elif token.type == "TERM" or (token.type == "TO" and not self._is_in_range):
            token = self._term(token)
        self._count(token)
        self.found.append(token)

    def end(self) -> None:
        if self._plus is not None:
            raise QueryError("a term must follow this plus", self._plus.lexpos)

    def _term(self, token: LexToken) -> LexToken:
        written, place = str(token.value), token.lexpos
        if written.startswith("!"):
            if written.startswith("!" * (MAX_DEPTH + 1)):  # each would be lexed with all that follow
                raise QueryError(_TOO_DEEP, place + MAX_DEPTH)
            self._lexer.lexpos = place + 1
            return _token("NOT", TokenValue("!"), place)
        if written in _OPERATORS:
            return _token(_OPERATORS[written], TokenValue(written), place)
        plain = _PLAIN.match(written)
        if plain is not None and plain.end() < len(written):
            odd = written[plain.end()]
            if odd == '"':
                raise QueryError("a quote within a text: escape it, or quote the whole", place + plain.end())
            raise QueryError(f"put blanks around {odd * 2}, or quotes around the text", place + plain.end())
        return _token("TERM", Word(written), place)

    def _minus(self, minus: LexToken) -> LexToken:
        before = self.found[-1].type if self.found else ""
        if before not in _BEFORE_A_NUMBER and not (before == "TO" and self._is_in_range):
            return _token("NOT", TokenValue("-"), minus.lexpos)
        follows = self.lex()
        if follows is not None and follows.type == "TERM" and follows.lexpos == minus.lexpos + 1:
            written = f"-{follows.value}"
            if terms.number_of(written) is not None:
                return _token("TERM", Word(written), minus.lexpos)
        raise QueryError("a minus here is that of a number: quote a text that begins with it", minus.lexpos)

    def _count(self, token: LexToken) -> None:
        """Bound leaves and depth; refuse what is most often meant otherwise."""
        if token.type in {"TERM", "PHRASE"}:
            self._budget.spend(token.lexpos)
            self._chain = 0
        elif token.type == "COLUMN" and self.found and self.found[-1].type == "TERM":
            self._budget.give_back()  # that was the name of a field
            if len(self.found) > 1 and self.found[-2].type == "COLUMN":
                sentence = "a value with a colon, such as a URN, must be in quotes, or each colon written \\:"
                raise QueryError(sentence, self.found[-1].lexpos)
        elif token.type == "NOT":
            self._nest(token)
        elif token.type == "LPAREN":
            self._open.append(self._chain)
            self._chain = 0
            self._bound(token)
        elif token.type == "RPAREN" and self._open:
            self._open.pop()
            self._chain = 0
        elif token.type in {"LBRACKET", "RBRACKET"}:
            self._is_in_range = token.type == "LBRACKET"

    def _nest(self, token: LexToken) -> None:
        self._chain += 1
        self._bound(token)

    def _bound(self, token: LexToken) -> None:
        if len(self._open) + sum(self._open) + self._chain > MAX_DEPTH:
            raise QueryError(_TOO_DEEP, token.lexpos)


def _token(kind: str, value: Any, place: int) -> LexToken:
    token = LexToken()
    token.type, token.value, token.lineno, token.lexpos = kind, value, 1, place
    value.pos, value.size = place, len(str(value))
    return token
