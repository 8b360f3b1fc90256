//! Application content: what the walk lets pass goes to JSON and comes back.

use bytes::Bytes;
use trunkline_protocol::{BadArgs, Encoding, Frame, Payload, Sequenced, Value, to_json};

use crate::input::Input;

/// The first byte is the encoding, the second the limit on depth, the rest the args.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let encoding = input.encoding();
    // From nothing at all to the default.
    let depth = input.below(65) as u32;
    let Some(Ok(payload)) = arrive(encoding, input.rest(), depth) else {
        return;
    };
    check_access(&payload);
    let json = to_json(payload.as_message_pack());
    let back = arrive(Encoding::Json, json.as_bytes(), depth)
        .unwrap_or_else(|| panic!("no frame: {json}"))
        .unwrap_or_else(|bad| panic!("{bad}: {json}"));
    assert_eq!(to_json(back.as_message_pack()), json);
    let canonical = arrive(Encoding::MessagePack, back.as_message_pack(), depth);
    assert_eq!(
        canonical,
        Some(Ok(back.clone())),
        "what JSON became: {json}"
    );
    assert_eq!(back.count(), payload.count(), "{json}");
}

/// The args as they arrive in an EVENT; none if they break the frame, which in JSON they can.
fn arrive(encoding: Encoding, args: &[u8], depth: u32) -> Option<Result<Payload, BadArgs>> {
    let message = match encoding {
        Encoding::MessagePack => [&[0x96, 20, 1, 0xc0, 0xc0, 0xa1, b'e'], args].concat(),
        Encoding::Json => [b"[20,1,null,null,\"e\",", args, b"]"].concat(),
    };
    match Frame::decode(encoding, &message) {
        Ok(Frame::Sequenced {
            frame: Sequenced::Event { args, .. },
            ..
        }) => Some(args.args(depth)),
        Ok(other) => panic!("an EVENT became {other:?}"),
        Err(_) => None,
    }
}

/// Whatever a handler may do with args.
fn check_access(payload: &Payload) {
    let values: Vec<Value> = payload.iter().collect();
    assert_eq!(values.len(), payload.count());
    assert_eq!(payload.is_empty(), values.is_empty());
    let decoded: Vec<Value> = payload.decode().expect("values are always values");
    assert_eq!(decoded.len(), values.len());
    for value in &values {
        let again = Value::encode(value).expect("a value is one");
        assert_eq!(
            to_json(again.as_message_pack()),
            to_json(value.as_message_pack())
        );
    }
    // These fit some args and not others.
    let _ = payload.decode::<(u64, String)>();
    let _ = payload.decode::<Vec<f64>>();
    let _ = payload.first::<Vec<Option<bool>>>();
    let _ = payload.first::<std::collections::BTreeMap<String, i8>>();
    if let Ok(joined) = Payload::from_values(values) {
        assert_eq!(
            to_json(joined.as_message_pack()),
            to_json(payload.as_message_pack())
        );
    }
    let bytes = Bytes::copy_from_slice(payload.as_message_pack());
    let _ = Payload::from_message_pack(bytes);
}
