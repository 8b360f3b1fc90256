//! JSON's grammar, read event by event without recursion and without building anything.

/// What the parser met. Texts and numbers are slices of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event<'a> {
    ArrayStart,
    ArrayEnd,
    ObjectStart,
    ObjectEnd,
    /// A member's key, quotes included.
    Key(&'a str),
    /// A string, quotes included.
    Text(&'a str),
    Number(&'a str),
    Boolean(bool),
    Null,
}

/// The text breaks the grammar at this byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotJson {
    pub(crate) offset: usize,
}

/// A cursor over one JSON value.
///
/// [`next`](Self::next) yields its events until the value is complete. The nesting it takes is
/// limited by the text's length alone: a byte of memory for each open container.
pub(crate) struct Parser<'a> {
    source: &'a str,
    at: usize,
    event_start: usize,
    open: Vec<Container>,
    expect: Expect,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Container {
    Array,
    Object,
}

/// What may come next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    Value,
    ValueOrArrayEnd,
    Key,
    KeyOrObjectEnd,
    CommaOrEnd,
    Nothing,
}

impl<'a> Parser<'a> {
    pub(crate) const fn new(source: &'a str) -> Self {
        Self {
            source,
            at: 0,
            event_start: 0,
            open: Vec::new(),
            expect: Expect::Value,
        }
    }

    /// How many containers are open.
    pub(crate) const fn depth(&self) -> usize {
        self.open.len()
    }

    /// Where the last event began.
    pub(crate) const fn event_start(&self) -> usize {
        self.event_start
    }

    /// Where the last event ended.
    pub(crate) const fn event_end(&self) -> usize {
        self.at
    }

    /// The next event; `None` once the value is complete and nothing but white space follows it.
    pub(crate) fn next(&mut self) -> Result<Option<Event<'a>>, NotJson> {
        self.skip_white_space();
        if self.expect == Expect::CommaOrEnd && self.peek() == Some(b',') {
            self.at += 1;
            self.expect = match self.open.last() {
                Some(Container::Object) => Expect::Key,
                _ => Expect::Value,
            };
            self.skip_white_space();
        }
        self.event_start = self.at;
        match (self.expect, self.peek()) {
            (Expect::Nothing, None) => Ok(None),
            (Expect::ValueOrArrayEnd, Some(b']')) => Ok(Some(self.close())),
            (Expect::KeyOrObjectEnd, Some(b'}')) => Ok(Some(self.close())),
            (Expect::CommaOrEnd, Some(end)) if Some(end) == self.closing() => {
                Ok(Some(self.close()))
            }
            (Expect::Key | Expect::KeyOrObjectEnd, Some(b'"')) => self.key().map(Some),
            (Expect::Value | Expect::ValueOrArrayEnd, Some(first)) => self.value(first).map(Some),
            _ => Err(self.error()),
        }
    }

    fn closing(&self) -> Option<u8> {
        self.open.last().map(|container| match container {
            Container::Array => b']',
            Container::Object => b'}',
        })
    }

    fn close(&mut self) -> Event<'a> {
        self.at += 1;
        let closed = self.open.pop();
        self.expect_after_value();
        if closed == Some(Container::Object) {
            Event::ObjectEnd
        } else {
            Event::ArrayEnd
        }
    }

    fn expect_after_value(&mut self) {
        self.expect = if self.open.is_empty() {
            Expect::Nothing
        } else {
            Expect::CommaOrEnd
        };
    }

    fn key(&mut self) -> Result<Event<'a>, NotJson> {
        let key = self.string()?;
        self.skip_white_space();
        if self.peek() != Some(b':') {
            return Err(self.error());
        }
        self.at += 1;
        self.expect = Expect::Value;
        Ok(Event::Key(key))
    }

    fn value(&mut self, first: u8) -> Result<Event<'a>, NotJson> {
        match first {
            b'[' => {
                self.at += 1;
                self.open.push(Container::Array);
                self.expect = Expect::ValueOrArrayEnd;
                return Ok(Event::ArrayStart);
            }
            b'{' => {
                self.at += 1;
                self.open.push(Container::Object);
                self.expect = Expect::KeyOrObjectEnd;
                return Ok(Event::ObjectStart);
            }
            _ => {}
        }
        let event = match first {
            b'"' => Event::Text(self.string()?),
            b'-' | b'0'..=b'9' => Event::Number(self.number()?),
            b't' => self.word("true", Event::Boolean(true))?,
            b'f' => self.word("false", Event::Boolean(false))?,
            b'n' => self.word("null", Event::Null)?,
            _ => return Err(self.error()),
        };
        self.expect_after_value();
        Ok(event)
    }

    fn word(&mut self, word: &str, event: Event<'a>) -> Result<Event<'a>, NotJson> {
        if !self.source[self.at..].starts_with(word) {
            return Err(self.error());
        }
        self.at += word.len();
        Ok(event)
    }

    fn string(&mut self) -> Result<&'a str, NotJson> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                None | Some(..0x20) => return Err(self.error()),
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        Ok(&self.source[start..self.at])
    }

    fn escape(&mut self) -> Result<(), NotJson> {
        self.at += 1;
        let after = match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 1,
            Some(b'u') => 5,
            _ => return Err(self.error()),
        };
        let digits = self.source.as_bytes().get(self.at + 1..self.at + after);
        if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            return Err(self.error());
        }
        self.at += after;
        Ok(())
    }

    fn number(&mut self) -> Result<&'a str, NotJson> {
        let start = self.at;
        self.skip_if(|byte| byte == b'-');
        if !self.skip_if(|byte| byte == b'0') {
            self.digits()?;
        }
        if self.skip_if(|byte| byte == b'.') {
            self.digits()?;
        }
        if self.skip_if(|byte| matches!(byte, b'e' | b'E')) {
            self.skip_if(|byte| matches!(byte, b'+' | b'-'));
            self.digits()?;
        }
        Ok(&self.source[start..self.at])
    }

    /// One digit or more.
    fn digits(&mut self) -> Result<(), NotJson> {
        if !self.skip_if(|byte| byte.is_ascii_digit()) {
            return Err(self.error());
        }
        while self.skip_if(|byte| byte.is_ascii_digit()) {}
        Ok(())
    }

    fn skip_if(&mut self, accept: impl Fn(u8) -> bool) -> bool {
        let accepted = self.peek().is_some_and(accept);
        self.at += usize::from(accepted);
        accepted
    }

    fn skip_white_space(&mut self) {
        while self.skip_if(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) {}
    }

    fn peek(&self) -> Option<u8> {
        self.source.as_bytes().get(self.at).copied()
    }

    const fn error(&self) -> NotJson {
        NotJson { offset: self.at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(source: &str) -> Result<Vec<Event<'_>>, NotJson> {
        let mut parser = Parser::new(source);
        let mut events = Vec::new();
        while let Some(event) = parser.next()? {
            events.push(event);
        }
        Ok(events)
    }

    #[test]
    fn containers_nest_and_white_space_is_skipped() {
        let found = events(" [ 1 , { \"a\" : [ ] , \"b\" : null } ] \r\n").unwrap();
        let expected = [
            Event::ArrayStart,
            Event::Number("1"),
            Event::ObjectStart,
            Event::Key("\"a\""),
            Event::ArrayStart,
            Event::ArrayEnd,
            Event::Key("\"b\""),
            Event::Null,
            Event::ObjectEnd,
            Event::ArrayEnd,
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn the_grammar_is_that_of_rfc_8259() {
        for good in [
            "0",
            "-0",
            "1.5e-7",
            "1E+2",
            "\"\\u00e9\\n\"",
            "true",
            "{}",
            "[[],[]]",
        ] {
            assert!(events(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            " ",
            "01",
            "+1",
            ".5",
            "1.",
            "1e",
            "-",
            "NaN",
            "tru",
            "[1,]",
            "[,1]",
            "[1 2]",
            "{1:2}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "[1}",
            "]",
            "[",
            "\"",
            "\"\n\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\u12g4\"",
            "1 1",
            "'a'",
            "[1]//",
            "\u{feff}1",
            "\"\\u00é\"",
        ] {
            assert!(events(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_grammar_agrees_with_serde_json() {
        let mut random = crate::test_random::Random::new(1);
        for _ in 0..20_000 {
            let length = random.below(12);
            let source: String = (0..length)
                .map(|_| char::from(b"[]{},:\"\\u0a1-.eE+ tn"[random.below(20) as usize]))
                .collect();
            let theirs = serde_json::from_str::<serde::de::IgnoredAny>(&source).is_ok();
            assert_eq!(events(&source).is_ok(), theirs, "{source:?}");
        }
    }
}
