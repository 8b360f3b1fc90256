//! Which application protocol a handshake agrees on.

/// Names with this prefix are ours, in whatever version.
const OUR_PREFIX: &str = "trunkline.";

/// The application protocol a handshake agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Negotiated {
    /// One that is supported here.
    Known(String),
    /// One of Trunkline's that is not: the connection is to be closed with `unsupported-version`.
    UnknownVersion(String),
}

impl Negotiated {
    /// The name the response carries.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Known(name) | Self::UnknownVersion(name) => name,
        }
    }

    pub(super) fn into_name(self) -> String {
        match self {
            Self::Known(name) | Self::UnknownVersion(name) => name,
        }
    }

    /// Chooses among what the client offers, in its order of preference.
    pub(super) fn choose(offered: &[&str], supported: &[String]) -> Option<Self> {
        let is_supported = |name: &&&str| supported.iter().any(|known| known == **name);
        let is_ours = |name: &&&str| name.starts_with(OUR_PREFIX);
        let known = offered
            .iter()
            .find(is_supported)
            .map(|name| Self::Known((*name).to_owned()));
        known.or_else(|| {
            offered
                .iter()
                .find(is_ours)
                .map(|name| Self::UnknownVersion((*name).to_owned()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(offered: &[&str]) -> Option<Negotiated> {
        let supported = [
            "trunkline.v1.msgpack".to_owned(),
            "trunkline.v1.json".to_owned(),
        ];
        Negotiated::choose(offered, &supported)
    }

    #[test]
    fn first_supported_name_in_the_clients_order_wins() {
        let json = Negotiated::Known("trunkline.v1.json".into());
        assert_eq!(
            choose(&[
                "trunkline.v9.json",
                "trunkline.v1.json",
                "trunkline.v1.msgpack"
            ]),
            Some(json)
        );
    }

    #[test]
    fn only_unknown_versions_give_the_first_of_ours() {
        let echoed = Negotiated::UnknownVersion("trunkline.v9.json".into());
        assert_eq!(
            choose(&["chat", "trunkline.v9.json", "trunkline.v8.json"]),
            Some(echoed)
        );
    }

    #[test]
    fn names_that_are_not_ours_agree_on_nothing() {
        assert_eq!(choose(&["chat", "TRUNKLINE.v1.json"]), None);
        assert_eq!(choose(&[]), None);
    }
}
