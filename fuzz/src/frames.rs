//! A message of either encoding: what decodes is encoded again, in both, and means the same.

use trunkline_protocol::{Encoding, Frame};

use crate::input::Input;
use crate::reencode::encode;

/// The first byte is the encoding, the rest the message.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let encoding = input.encoding();
    let message = input.rest();
    let Ok(frame) = Frame::decode(encoding, message) else {
        return;
    };
    // Content that does not decode is told of and not sent on.
    let Some(meaning) = encode(&frame, Encoding::Json) else {
        return;
    };
    for target in Encoding::ALL {
        let Some(again) = encode(&frame, target) else {
            panic!("{frame:?} is encoded in one encoding and not in {target:?}");
        };
        let decoded = Frame::decode(target, &again)
            .unwrap_or_else(|error| panic!("{error}: our own {again:02x?} of {frame:?}"));
        if (encoding, target) == (Encoding::MessagePack, Encoding::MessagePack) {
            assert_eq!(decoded, frame);
        }
        // There is one way to write a frame in our JSON, so it stands for what is meant.
        assert_eq!(
            encode(&decoded, Encoding::Json).as_deref().map(show),
            Some(show(&meaning)),
            "{frame:?} by way of {target:?}"
        );
    }
}

fn show(json: &[u8]) -> String {
    String::from_utf8_lossy(json).into_owned()
}
