//! Generated parts inside documents written by hand.

/// The line that ends every generated part.
const END: &str = "<!-- end generated -->";

/// The text with what stands between `<!-- generated: name -->` and the next end replaced.
///
/// Fails when the marks are missing, or the first is there twice.
pub(super) fn replace(text: &str, name: &str, content: &str) -> Result<String, String> {
    let begin = format!("<!-- generated: {name} -->\n");
    let Some((before, rest)) = text.split_once(&begin) else {
        return Err(format!("the line {} is missing", begin.trim_end()));
    };
    let Some(end) = rest.find(END) else {
        return Err(format!("{} is not followed by {END}", begin.trim_end()));
    };
    let after = &rest[end..];
    if after.contains(&begin) {
        return Err(format!("{} is there twice", begin.trim_end()));
    }
    // The blank lines let Markdown see a table after the comment.
    Ok(format!(
        "{before}{begin}\n{}\n\n{after}",
        content.trim_end()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "a\n<!-- generated: x -->\nold\n<!-- end generated -->\nb\n";

    #[test]
    fn only_the_marked_part_changes_and_only_once() {
        let new = replace(TEXT, "x", "| new |\n").unwrap();
        assert_eq!(
            new,
            "a\n<!-- generated: x -->\n\n| new |\n\n<!-- end generated -->\nb\n"
        );
        assert_eq!(replace(&new, "x", "| new |\n").unwrap(), new);
    }

    #[test]
    fn missing_and_doubled_marks_are_refused() {
        assert!(replace(TEXT, "y", "").unwrap_err().contains("missing"));
        assert!(
            replace("<!-- generated: x -->\n", "x", "")
                .unwrap_err()
                .contains("not followed")
        );
        assert!(
            replace(&TEXT.repeat(2), "x", "")
                .unwrap_err()
                .contains("twice")
        );
    }
}
