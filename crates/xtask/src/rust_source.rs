//! Rust source with its comments and literals blanked, so that checks see only code.

/// The source with every comment and the inside of every string and character literal replaced by
/// spaces; lines and columns (in characters) stay.
pub(crate) fn code_only(source: &str) -> String {
    let mut blanker = Blanker {
        rest: source,
        code: String::with_capacity(source.len()),
    };
    while !blanker.rest.is_empty() {
        blanker.step();
    }
    blanker.code
}

struct Blanker<'a> {
    rest: &'a str,
    code: String,
}

impl Blanker<'_> {
    fn step(&mut self) {
        let rest = self.rest;
        if rest.starts_with("//") {
            self.blank(rest.find('\n').unwrap_or(rest.len()));
        } else if rest.starts_with("/*") {
            self.blank(block_comment_length(rest));
        } else if rest.starts_with('"') {
            self.literal(1, string_length(rest));
        } else if let Some((prefix, length)) = self.raw_string() {
            self.literal(prefix, length);
        } else if let Some(length) = character_length(rest) {
            self.literal(1, length);
        } else {
            self.keep(rest.chars().next().map_or(0, char::len_utf8));
        }
    }

    fn keep(&mut self, length: usize) {
        let (kept, rest) = self.rest.split_at(length);
        self.code.push_str(kept);
        self.rest = rest;
    }

    fn blank(&mut self, length: usize) {
        let (blanked, rest) = self.rest.split_at(length);
        self.code
            .extend(blanked.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        self.rest = rest;
    }

    /// Keeps the delimiters of a literal, blanks what is between.
    fn literal(&mut self, prefix: usize, length: usize) {
        let end = usize::from(length > prefix);
        self.keep(prefix);
        self.blank(length - prefix - end);
        self.keep(end);
    }

    /// The lengths of the opening and of the whole of a raw string that starts here.
    fn raw_string(&self) -> Option<(usize, usize)> {
        let inside_word = self
            .code
            .ends_with(|c: char| c.is_alphanumeric() || c == '_')
            && !self.code.ends_with('b')
            && !self.code.ends_with('c');
        let after = self.rest.strip_prefix('r').filter(|_| !inside_word)?;
        let hashes = after.len() - after.trim_start_matches('#').len();
        let body = after[hashes..].strip_prefix('"')?;
        let prefix = 1 + hashes + 1;
        let closing = format!("\"{}", "#".repeat(hashes));
        let length = body
            .find(&closing)
            .map_or(body.len(), |at| at + closing.len());
        Some((prefix, prefix + length))
    }
}

/// The length of a comment that may hold others.
fn block_comment_length(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

fn string_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

/// The length of a character literal; `None` for a lifetime.
fn character_length(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('\'')?;
    let first = inside.chars().next()?;
    if first == '\\' {
        // What is escaped may itself be a quote.
        let escaped = 1 + inside[1..].chars().next()?.len_utf8();
        return Some(1 + escaped + inside[escaped..].find('\'')? + 1);
    }
    inside[first.len_utf8()..]
        .starts_with('\'')
        .then_some(first.len_utf8() + 2)
}

/// Where the word or path stands by itself: not as a part of a longer name.
pub(crate) fn finds_word(code: &str, word: &str) -> bool {
    let name = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        !before.is_some_and(name) && !after.is_some_and(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_become_spaces() {
        assert_eq!(code_only("a // b\nc"), "a     \nc");
        assert_eq!(code_only("a /* b /* c */ d */ e"), "a                   e");
    }

    #[test]
    fn literals_keep_their_quotes_and_lose_their_text() {
        assert_eq!(code_only(r#"f("a // \" b")"#), r#"f("         ")"#);
        assert_eq!(code_only("x('\"', 'a', '\\'')"), "x(' ', ' ', '  ')");
        assert_eq!(code_only("r#\"a\" b\"# + c"), "r#\"     # + c");
    }

    #[test]
    fn lifetimes_are_no_literals() {
        assert_eq!(
            code_only("fn f<'a>(x: &'a str) // '"),
            "fn f<'a>(x: &'a str)     "
        );
    }

    #[test]
    fn lines_stay_where_they_are() {
        let source = "a\n\"b\nc\"\n/* d\n*/ e";
        assert_eq!(code_only(source).lines().count(), source.lines().count());
    }

    #[test]
    fn a_word_is_not_found_inside_another() {
        assert!(finds_word("use rand::Rng", "rand"));
        assert!(!finds_word("operand + random", "rand"));
        assert!(finds_word("Instant::now()", "Instant::now"));
    }
}
