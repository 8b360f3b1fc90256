//! Frames in both encodings, whole, damaged and hostile.

use super::*;
use crate::test_random::{Random, random_value};
use crate::{BadArgs, EventName, NamespaceName, Payload, Prepared, Value};

fn messages(encoding: Encoding) -> Vec<Vec<u8>> {
    let chat = NamespaceName::try_from("/chat").unwrap();
    let event = EventName::try_from("said").unwrap();
    let args = Payload::from_values([Value::encode("hi").unwrap(), Value::nil()]).unwrap();
    let close = Close::new(crate::Code::ENDED, "over");
    let mut ping = Vec::new();
    encode_ping(encoding, 1 << 40, 300, &mut ping);
    vec![
        Prepared::event(&chat, crate::AckId::new(7), &event, &args).to_message(encoding, 300),
        Prepared::disconnect(&chat, crate::Code::ENDED, "over").to_message(encoding, 1),
        Prepared::datagram(&chat, &event, &args).to_message(encoding, 0),
        close.encode(encoding),
        ping,
    ]
}

#[test]
fn decoding_borrows_from_the_message() {
    let message = &messages(Encoding::MessagePack)[0];
    let Ok(Frame::Sequenced { seq: 300, frame }) = Frame::decode(Encoding::MessagePack, message)
    else {
        panic!("an event is sequenced");
    };
    let Sequenced::Event {
        namespace,
        event,
        args,
        ..
    } = frame
    else {
        panic!("an event is an event");
    };
    assert!(matches!(namespace, Cow::Borrowed("/chat")));
    assert!(matches!(event, Cow::Borrowed("said")));
    assert!(message.as_ptr_range().contains(&args.as_bytes().as_ptr()));
}

#[test]
fn a_message_cut_anywhere_is_a_header_error_or_a_bad_body() {
    for encoding in Encoding::ALL {
        for message in messages(encoding) {
            for end in 0..message.len() {
                match Frame::decode(encoding, &message[..end]) {
                    Ok(Frame::Sequenced {
                        frame: Sequenced::Event { args, .. },
                        ..
                    })
                    | Ok(Frame::Datagram { args, .. }) => {
                        assert_eq!(args.args(64), Err(BadArgs::Truncated));
                    }
                    Ok(frame) => panic!("{frame:?} from a cut message"),
                    Err(_) => {}
                }
            }
        }
    }
}

#[test]
fn random_and_damaged_messages_never_panic() {
    let mut random = Random::new(5);
    for round in 0..50_000 {
        let encoding = Encoding::ALL[round % 2];
        let mut messages = messages(encoding);
        let mut message = match random.below(8) {
            0 => (0..random.below(30)).map(|_| random.next() as u8).collect(),
            index => messages.swap_remove(index as usize % messages.len()),
        };
        for _ in 0..random.below(4) {
            if let Some(last) = message.len().checked_sub(1) {
                message[random.below(last as u64 + 1) as usize] = random.next() as u8;
            }
        }
        if let Ok(frame) = Frame::decode(encoding, &message) {
            let _ = (frame.kind(), format!("{frame:?}"));
            if let Frame::Sequenced {
                frame: Sequenced::Event { args, .. },
                ..
            } = frame
                && let Ok(payload) = args.args(64)
            {
                assert!(Payload::from_message_pack(payload.as_message_pack().clone()).is_ok());
            }
        }
    }
}

#[test]
fn unknown_keys_may_hold_what_the_value_model_lacks() {
    // {"v": 1, "agent": "", "z": an extension, "y": {1: 2}}
    let message = b"\x92\x00\x84\xa1v\x01\xa5agent\xa0\xa1z\xd4\x01\x00\xa1y\x81\x01\x02";
    assert!(Frame::decode(Encoding::MessagePack, message).is_ok());
    let message = br#"[0,{"v":1,"agent":"","z":{"$x":1e999},"y":{"a":1,"a":"\ud800"},"$bin":7}]"#;
    assert!(Frame::decode(Encoding::Json, message).is_ok());
}

#[test]
fn integers_of_protocol_maps_have_no_marks() {
    let message = br#"[6,{"code":{"$int":"1000"},"reason":""}]"#;
    let refused = Err(HeaderError::Value { key: "code" });
    assert_eq!(Frame::decode(Encoding::Json, message), refused);
}

#[test]
fn content_within_a_map_is_one_level_deeper_than_in_a_body() {
    let close = |levels: usize| {
        let mut close = Close::new(crate::Code::ENDED, "");
        let data = [vec![0x91; levels - 1], vec![0x90]].concat();
        close.data = Value::from_message_pack(data.into()).unwrap();
        close
    };
    for encoding in Encoding::ALL {
        let deepest = close(62);
        let message = deepest.encode(encoding);
        let decoded = Frame::decode(encoding, &message);
        assert_eq!(decoded, Ok(Frame::Close(Box::new(deepest))));
        let refused = Err(HeaderError::Value { key: "data" });
        assert_eq!(
            Frame::decode(encoding, &close(63).encode(encoding)),
            refused
        );
    }
}

#[test]
fn random_content_survives_both_encodings() {
    let mut random = Random::new(6);
    for _ in 0..500 {
        let mut bytes = Vec::new();
        random_value(&mut random, 5, &mut bytes);
        let auth = Value::from_message_pack(bytes.into()).unwrap();
        let prepared = Prepared::connect(&NamespaceName::root(), &auth);
        for encoding in Encoding::ALL {
            let message = prepared.to_message(encoding, random.below(1 << 53));
            match Frame::decode(encoding, &message) {
                Ok(Frame::Sequenced {
                    frame: Sequenced::Connect { auth: read, .. },
                    ..
                }) => {
                    assert_eq!(read.value(64).as_ref(), Ok(&auth));
                }
                Err(HeaderError::Seq) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn frames_stay_small() {
    assert!(size_of::<Frame<'_>>() <= 112, "{}", size_of::<Frame<'_>>());
    assert!(
        size_of::<Sequenced<'_>>() <= 96,
        "{}",
        size_of::<Sequenced<'_>>()
    );
    assert!(
        size_of::<HeaderError>() <= 40,
        "{}",
        size_of::<HeaderError>()
    );
    assert_eq!(size_of::<Prepared>(), size_of::<usize>());
    assert_eq!(size_of::<crate::Prefix>(), 24);
}

/// LIM-001: no client is held to less than the least, or it could have every frame to it fail.
#[test]
fn a_clients_limits_below_the_least_are_read_as_the_least_and_huge_ones_as_the_most() {
    let told = |figure: u64| {
        let keys = [
            "frame",
            "datagram",
            "replay",
            "inbound",
            "queue",
            "name",
            "depth",
            "namespaces",
            "rooms",
            "pending_acks",
            "latest_keys",
        ];
        let limits: Vec<_> = keys.map(|key| format!("\"{key}\":{figure}")).into();
        let hello = format!(
            r#"[0,{{"v":1,"agent":"a","limits":{{{}}}}}]"#,
            limits.join(",")
        );
        let Ok(Frame::Hello(hello)) = Frame::decode(Encoding::Json, hello.as_bytes()) else {
            panic!("{hello} is a HELLO");
        };
        hello.limits
    };
    let least = crate::Limits {
        frame: 16_384,
        datagram: 1_000,
        replay: 16_384,
        inbound: 16_384,
        queue: 0,
        name: 255,
        depth: 64,
        namespaces: 1,
        rooms: 0,
        pending_acks: 0,
        latest_keys: 1,
    };
    assert_eq!(told(0), least);
    assert_eq!(told((1 << 53) - 1).frame, u32::MAX);
}
