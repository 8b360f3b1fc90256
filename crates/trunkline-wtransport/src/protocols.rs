//! Application protocols in headers: lists of strings (RFC 9651), of which ours need no escapes.

/// The header of what a client offers.
pub(crate) const OFFERED: &str = "wt-available-protocols";

/// The header of what a server chose.
pub(crate) const CHOSEN: &str = "wt-protocol";

/// Names as a list; those that would need an escape are left out.
pub(crate) fn to_list(names: &[String]) -> String {
    let plain = |name: &&String| {
        name.bytes()
            .all(|b| b.is_ascii_graphic() && !b"\"\\".contains(&b))
    };
    let quoted: Vec<String> = names
        .iter()
        .filter(plain)
        .map(|name| to_item(name))
        .collect();
    quoted.join(", ")
}

/// One name.
pub(crate) fn to_item(name: &str) -> String {
    format!("\"{name}\"")
}

/// The names of a list; what is not a plain string is passed over.
pub(crate) fn from_list(list: &str) -> Vec<String> {
    let name = |item: &str| {
        let item = item.split(';').next()?.trim();
        let name = item.strip_prefix('"')?.strip_suffix('"')?;
        Some(name.to_owned())
    };
    list.split(',').filter_map(name).take(NAMES_MAX).collect()
}

/// Names of a client that are looked at.
const NAMES_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_as_it_is_written() {
        let names = ["trunkline.v1.msgpack".to_owned(), "b".to_owned()];
        assert_eq!(to_list(&names), r#""trunkline.v1.msgpack", "b""#);
        assert_eq!(from_list(&to_list(&names)), names);
    }

    #[test]
    fn what_is_no_string_is_passed_over() {
        assert_eq!(from_list(r#"token, "a";q=1, 7, "b"#), ["a"]);
        assert_eq!(from_list("").len(), 0);
        assert_eq!(to_list(&["quo\"te".to_owned(), "ok".to_owned()]), r#""ok""#);
    }
}
