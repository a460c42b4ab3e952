"""The text of a path, or of a filter inside it, with a position.

Positions are those of the whole text, because messages quote them; blanks at its ends are passed over without being
cut off. Looking beyond the end raises what Java raises.
"""

from stepwell.definitions.jsonpath.failures import InvalidPath, JavaError

SPACE = " "


class Scanner:
    """Reads `text` from `position` to `end`, both included."""

    __slots__ = ("end", "position", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.end = len(text) - 1

    def trim(self) -> None:
        """Passes over blanks at both ends, but never over the last character."""
        self.skip_blanks()
        while self.position < self.end and self.text[self.end] == SPACE:
            self.end -= 1

    def skip_blanks(self) -> None:
        while self.position < self.end and self.text[self.position] == SPACE:
            self.position += 1

    def at(self, position: int) -> str:
        """The character at a position of the text."""
        if not 0 <= position < len(self.text):
            raise JavaError(f"java.lang.StringIndexOutOfBoundsException: String index out of range: {position}")
        return self.text[position]

    @property
    def current(self) -> str:
        return self.at(self.position)

    @property
    def is_at_tail(self) -> bool:
        """At the last character, or beyond it."""
        return self.position >= self.end

    def is_inside(self, position: int) -> bool:
        return 0 <= position <= self.end

    def between(self, start: int, stop: int) -> str:
        return self.text[start:stop]

    def next_significant(self, position: int) -> int:
        """The place of the first character after `position` that is no blank; may lie beyond the end."""
        position += 1
        while position <= self.end and self.text[position] == SPACE:
            position += 1
        return position

    def significant_after(self, position: int) -> str:
        """The first character after `position` that is no blank, or a blank where there is none."""
        position = self.next_significant(position)
        return self.text[position] if position <= self.end else SPACE

    def find(self, character: str, start: int) -> int:
        """The place of a character from `start` on, or -1."""
        return self.text.find(character, start, self.end + 1)

    def find_unescaped(self, character: str, after: int) -> int:
        """The place of a character behind `after` with no backslash before it, or -1."""
        position = after + 1
        while position <= self.end:
            found = self.text[position]
            if found == "\\":
                position += 2
                continue
            if found == character:
                return position
            position += 1
        return -1

    def find_closing(self, start: int, closing: str, *, skip_regexes: bool) -> int:
        """The place of the bracket that closes the one at `start`, strings (and regexes) left out, or -1."""
        opening = self.at(start)
        opened = 1
        position = start + 1
        while self.is_inside(position):
            quote = self.text[position]
            if quote in "'\"":
                position = self.find_unescaped(quote, position)
                if position == -1:
                    raise InvalidPath(f"Could not find matching close quote for {quote} when parsing : {self.text}")
                position += 1
            if skip_regexes and self.at(position) == "/":
                position = self.find_unescaped("/", position)
                if position == -1:
                    raise InvalidPath(f"Could not find matching close for / when parsing regex in : {self.text}")
                position += 1
            character = self.at(position)
            if character == opening:
                opened += 1
            elif character == closing:
                opened -= 1
                if opened == 0:
                    return position
            position += 1
        return -1
