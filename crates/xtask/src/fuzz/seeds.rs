//! What the targets of the codec start from: the vectors of the specification.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::Result;

#[derive(Debug, Deserialize)]
struct Vectors {
    cases: Vec<Case>,
}

#[derive(Debug, Deserialize)]
struct Case {
    kind: Option<String>,
    messagepack: Option<String>,
    json: Option<String>,
}

/// A target's input.
#[derive(Debug, PartialEq, Eq)]
struct Seed {
    target: &'static str,
    input: Vec<u8>,
}

/// Writes every case of every file in `protocol/vectors`, as the targets read it.
pub(super) fn write(root: &Path, folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    let mut number = 0;
    for entry in fs::read_dir(root.join("protocol/vectors"))? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let vectors: Vectors = serde_json::from_str(&fs::read_to_string(&path)?)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        for seed in vectors.cases.iter().flat_map(Case::seeds) {
            let folder = folder.join(seed.target);
            fs::create_dir_all(&folder)?;
            number += 1;
            fs::write(folder.join(format!("vector-{number}")), &seed.input)?;
        }
    }
    Ok(())
}

impl Case {
    /// The message in each encoding it has, for every target that takes its kind.
    fn seeds(&self) -> Vec<Seed> {
        let mut seeds = Vec::new();
        for (encoding, message) in self.messages() {
            let of = |target, head: &[u8], message: &[u8]| Seed {
                target,
                input: [head, message].concat(),
            };
            seeds.push(of("frames", &[encoding], &message));
            match self.kind.as_deref() {
                Some("HELLO") => seeds.push(of("handshakes", &[encoding, 0], &message)),
                Some("WELCOME" | "CLOSE") => {
                    seeds.push(of("handshakes", &[encoding, 1], &message));
                    seeds.push(of("handshakes", &[encoding, 2], &message));
                }
                Some("EVENT") => {
                    let args = args_of(encoding, &message);
                    seeds.extend(args.map(|args| of("args", &[encoding, DEPTH], args)));
                }
                _ => {}
            }
        }
        seeds
    }

    fn messages(&self) -> Vec<(u8, Vec<u8>)> {
        let message_pack = self.messagepack.as_deref().and_then(from_hex);
        let json = self.json.as_ref().map(|text| text.clone().into_bytes());
        [(MESSAGE_PACK, message_pack), (JSON, json)]
            .into_iter()
            .filter_map(|(encoding, message)| Some((encoding, message?)))
            .collect()
    }
}

/// The args of an event "say" in "/", as most events of the vectors begin.
fn args_of(encoding: u8, message: &[u8]) -> Option<&[u8]> {
    match encoding {
        MESSAGE_PACK => message.strip_prefix(b"\x96\x14\x01\xc0\xc0\xa3say"),
        _ => message
            .strip_prefix(b"[20,1,null,null,\"say\",")?
            .strip_suffix(b"]"),
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .chars()
        .map(|digit| {
            digit
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        })
        .collect::<Option<_>>()?;
    Some(
        digits
            .chunks(2)
            .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
            .collect(),
    )
}

/// How the targets number the encodings.
const MESSAGE_PACK: u8 = 0;
const JSON: u8 = 1;

/// The limit on depth that most peers have.
const DEPTH: u8 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_seed_for_frames_and_args_in_both_encodings() {
        let case = Case {
            kind: Some("EVENT".to_owned()),
            messagepack: Some("961401c0c0a3736179917f".to_owned()),
            json: Some("[20,1,null,null,\"say\",[127]]".to_owned()),
        };
        let seeds = case.seeds();
        let inputs = |wanted| -> Vec<&[u8]> {
            let of = seeds.iter().filter(|seed| seed.target == wanted);
            of.map(|seed| &seed.input[..]).collect()
        };
        assert_eq!(inputs("args"), [&[0, 64, 0x91, 0x7f][..], b"\x01\x40[127]"]);
        assert_eq!(inputs("frames").len(), 2);
    }

    #[test]
    fn a_handshake_is_a_seed_for_whoever_reads_it() {
        let case = |kind: &str| Case {
            kind: Some(kind.to_owned()),
            messagepack: None,
            json: Some("[0]".to_owned()),
        };
        let targets = |kind| -> Vec<_> {
            let seeds = case(kind).seeds();
            seeds.iter().map(|seed| seed.target).collect()
        };
        assert_eq!(targets("HELLO"), ["frames", "handshakes"]);
        assert_eq!(targets("WELCOME"), ["frames", "handshakes", "handshakes"]);
        assert_eq!(targets("PING"), ["frames"]);
    }

    #[test]
    fn hexadecimal_is_read() {
        assert_eq!(from_hex("00ff7A"), Some(vec![0, 255, 0x7a]));
        assert_eq!(from_hex("0g"), None);
    }
}
