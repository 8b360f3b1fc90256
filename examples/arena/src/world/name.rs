//! What a player may be called, and may say.

use std::fmt;

/// A name that may be shown to others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name(String);

impl Name {
    /// Checks a name; spaces around it do not count.
    ///
    /// # Errors
    /// It is empty, too long, or not to be shown.
    pub(crate) fn parse(text: &str) -> Result<Self, BadText> {
        let name = shown(text, NAME_MAX)?;
        if name.chars().any(is_variation_selector) {
            return Err(BadText::Invisible);
        }
        Ok(Self(name))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A line of chat that may be shown to others.
///
/// # Errors
/// It is empty, too long, or not to be shown.
pub(crate) fn line(text: &str) -> Result<String, BadText> {
    shown(text, LINE_MAX)
}

/// Why a text is not shown to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadText {
    #[error("it is empty")]
    Empty,
    #[error("it has more than {max} characters")]
    TooLong { max: usize },
    #[error("it has characters that are not to be seen")]
    Invisible,
}

fn shown(text: &str, max: usize) -> Result<String, BadText> {
    let text = text.trim();
    if text.is_empty() {
        return Err(BadText::Empty);
    }
    if text.chars().nth(max).is_some() {
        return Err(BadText::TooLong { max });
    }
    if text.chars().any(is_invisible) {
        return Err(BadText::Invisible);
    }
    Ok(text.to_owned())
}

/// Controls, what turns the direction of the text around it, and what is drawn as nothing or as a blank
/// without being white space: with these one player could look like another.
///
/// These are Unicode's default ignorable code points, except the variation selectors (see
/// [`is_variation_selector`]), and the separators, the annotations and the empty Braille pattern.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// Behind most characters it changes nothing, so that two names could look the same. Lines may have it: it is
/// part of what phones write for a heart.
fn is_variation_selector(character: char) -> bool {
    matches!(character, '\u{fe00}'..='\u{fe0f}')
}

/// Characters of a name.
pub(crate) const NAME_MAX: usize = 16;

/// Characters of a line of chat.
pub(crate) const LINE_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_without_the_spaces_around_it() {
        assert_eq!(Name::parse("  Ada L. ").unwrap().to_string(), "Ada L.");
        assert_eq!(Name::parse("Åse 飛").unwrap().to_string(), "Åse 飛");
    }

    #[test]
    fn a_name_that_is_empty_or_too_long_is_none() {
        assert_eq!(Name::parse(" \t "), Err(BadText::Empty));
        assert!(Name::parse(&"é".repeat(NAME_MAX)).is_ok());
        let long = "é".repeat(NAME_MAX + 1);
        assert_eq!(Name::parse(&long), Err(BadText::TooLong { max: NAME_MAX }));
    }

    #[test]
    fn what_is_not_to_be_seen_is_in_no_name_and_no_line() {
        for text in [
            "A\u{0}da",
            "A\nda",
            "A\u{202e}da",
            "Ada\u{200b}.",
            "\u{feff}Ada.",
            "Ada\u{34f}",
            "\u{115f}",
            "Ada\u{180e}",
            "\u{2800}",
            "Ada\u{3164}",
            "\u{ffa0}",
            "A\u{e0041}da",
        ] {
            assert_eq!(Name::parse(text), Err(BadText::Invisible), "{text:?}");
            assert_eq!(line(text), Err(BadText::Invisible), "{text:?}");
        }
    }
    #[test]
    fn a_variation_selector_is_in_no_name_and_may_be_in_a_line() {
        assert_eq!(Name::parse("Ada\u{fe0f}"), Err(BadText::Invisible));
        assert_eq!(line("\u{2764}\u{fe0f}").unwrap(), "\u{2764}\u{fe0f}");
    }
}
