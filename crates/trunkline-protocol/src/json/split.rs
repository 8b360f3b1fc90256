//! A JSON container taken apart at its first level, its members left as text.

use super::parser::{Event, NotJson, Parser};

/// What a JSON text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Array,
    Object,
    Scalar,
}

/// Checks the grammar of `source` to its end, and calls `member` with each member of its container:
/// the key in its quotes, empty in an array, and the value.
pub(crate) fn split<'a>(
    source: &'a str,
    mut member: impl FnMut(&'a str, &'a str),
) -> Result<Shape, NotJson> {
    let mut parser = Parser::new(source);
    let shape = match parser.next()? {
        Some(Event::ArrayStart) => Shape::Array,
        Some(Event::ObjectStart) => Shape::Object,
        _ => Shape::Scalar,
    };
    let mut key = "";
    let mut start = 0;
    while let Some(event) = parser.next()? {
        match (event, parser.depth()) {
            (Event::Key(quoted), 1) => {
                key = quoted;
                continue;
            }
            (Event::ArrayStart | Event::ObjectStart, 2) => start = parser.event_start(),
            (Event::ArrayEnd | Event::ObjectEnd, _) => {}
            (_, 1) => start = parser.event_start(),
            _ => {}
        }
        // At level 1 after a value: it was one of the container's own.
        if parser.depth() == 1 {
            member(key, &source[start..parser.event_end()]);
        }
    }
    Ok(shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Members<'a> = Vec<(&'a str, &'a str)>;

    fn members(source: &str) -> Result<(Shape, Members<'_>), NotJson> {
        let mut members = Vec::new();
        let shape = split(source, |key, value| members.push((key, value)))?;
        Ok((shape, members))
    }

    #[test]
    fn members_are_slices_of_the_text() {
        let array = members(" [ 1 , [ 2, {} ] ,\"x\",{\"a\":[3]}, [] ] ").unwrap();
        let values = ["1", "[ 2, {} ]", "\"x\"", "{\"a\":[3]}", "[]"];
        assert_eq!(
            array,
            (Shape::Array, values.map(|value| ("", value)).to_vec())
        );
        let object = members("{\"a\": {\"b\" : [1] }, \"c\":2}").unwrap();
        let pairs = vec![("\"a\"", "{\"b\" : [1] }"), ("\"c\"", "2")];
        assert_eq!(object, (Shape::Object, pairs));
        assert_eq!(members("7"), Ok((Shape::Scalar, vec![])));
    }

    #[test]
    fn the_grammar_is_checked_to_the_end() {
        assert_eq!(members("[1,[2,]]"), Err(NotJson { offset: 6 }));
        assert_eq!(members("[1] 2"), Err(NotJson { offset: 4 }));
    }
}
