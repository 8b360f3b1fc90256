//! Args and values in memory: checked MessagePack, whichever encoding they came in.

use std::fmt;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::limits::DEFAULT_DEPTH;
use crate::message_pack::{Reader, Token, is_array, walk, write};
use crate::{BadArgs, DecodeError, EncodeError, serde_bridge};

/// The args of an event: a MessagePack array that keeps the value model.
///
/// Cloning is cheap. `Debug` shows the length alone.
///
/// Specification: encoding.md.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Payload(Bytes);

impl Payload {
    /// No args: the empty array.
    #[must_use]
    pub const fn empty() -> Self {
        Self(Bytes::from_static(&[0x90]))
    }

    /// Args that are MessagePack already.
    ///
    /// # Errors
    /// The bytes are not exactly one array, or break the value model.
    pub fn from_message_pack(bytes: Bytes) -> Result<Self, BadArgs> {
        if !is_array(&bytes) {
            return Err(BadArgs::NotAnArray);
        }
        walk(&bytes, DEFAULT_DEPTH)?;
        Ok(Self(bytes))
    }

    /// Args that are these values, in order.
    ///
    /// # Errors
    /// A value is nested as deep as a value may be, so that it is too deep for an arg.
    pub fn from_values(values: impl IntoIterator<Item = Value>) -> Result<Self, BadArgs> {
        let values: Vec<Value> = values.into_iter().collect();
        let mut out = Vec::new();
        write::array(&mut out, u32::try_from(values.len()).unwrap_or(u32::MAX));
        values
            .iter()
            .for_each(|value| out.extend_from_slice(&value.0));
        Self::from_message_pack(out.into())
    }

    /// Args from bytes that the caller has checked.
    pub(crate) const fn from_checked(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// The bytes: one MessagePack array.
    #[must_use]
    pub const fn as_message_pack(&self) -> &Bytes {
        &self.0
    }

    /// How many args there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.open().0 as usize
    }

    /// Whether there are no args.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// All args as one value: a tuple for args of different types, a `Vec` for any number.
    ///
    /// Integers and floats of equal value are interchangeable.
    ///
    /// # Errors
    /// The args do not fit `T`; the error names the place and holds nothing of the content.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        serde_bridge::decode(&self.0)
    }

    /// The first arg; no args read as nil. Further args are ignored.
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    pub fn first<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        match self.iter().next() {
            Some(arg) => arg.decode(),
            None => Value::nil().decode(),
        }
    }

    /// Each arg as a value of its own, in order.
    pub fn iter(&self) -> impl Iterator<Item = Value> + '_ {
        let (count, mut reader) = self.open();
        (0..count).map_while(move |_| {
            let arg = reader.value().ok()?;
            Some(Value(self.0.slice_ref(arg)))
        })
    }

    /// How many args there are, and a cursor at the first.
    fn open(&self) -> (u32, Reader<'_>) {
        let mut reader = Reader::new(&self.0);
        match reader.token() {
            Ok(Token::Array(count)) => (count, reader),
            _ => (0, reader),
        }
    }
}

impl Default for Payload {
    fn default() -> Self {
        Self::empty()
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.0.len())
    }
}

/// One value of any type in MessagePack that keeps the value model: `auth`, `data`, an arg.
///
/// Cloning is cheap. `Debug` shows the length alone.
///
/// Specification: encoding.md.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Value(Bytes);

impl Value {
    /// Nil.
    #[must_use]
    pub const fn nil() -> Self {
        Self(Bytes::from_static(&[0xc0]))
    }

    /// Whether this is nil.
    #[must_use]
    pub fn is_nil(&self) -> bool {
        *self.0 == [0xc0]
    }

    /// A value that is MessagePack already.
    ///
    /// # Errors
    /// The bytes are not exactly one value, or break the value model.
    pub fn from_message_pack(bytes: Bytes) -> Result<Self, BadArgs> {
        walk(&bytes, DEFAULT_DEPTH)?;
        Ok(Self(bytes))
    }

    /// A value from bytes that the caller has checked.
    pub(crate) const fn from_checked(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// The bytes: one MessagePack value.
    #[must_use]
    pub const fn as_message_pack(&self) -> &Bytes {
        &self.0
    }

    /// The value of `source`.
    ///
    /// Structs become maps. Types that have a form for people (addresses, UUIDs, times) take that
    /// one. Bytes stay bytes where the type says so (`serde_bytes`); a plain `Vec<u8>` is an array of
    /// numbers. Integers of 128 bits become 16 bytes.
    ///
    /// # Errors
    /// `source` does not serialise, or breaks the value model.
    pub fn encode<T: Serialize + ?Sized>(source: &T) -> Result<Self, EncodeError> {
        serde_bridge::encode(&[], source).map(Self)
    }

    /// The value as a `T`. Integers and floats of equal value are interchangeable.
    ///
    /// # Errors
    /// The value does not fit `T`; the error names the place and holds nothing of the content.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        serde_bridge::decode(&self.0)
    }
}

impl Default for Value {
    fn default() -> Self {
        Self::nil()
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};

    use serde::Deserialize;

    use super::*;
    use crate::{Args, IntoArgs};

    #[derive(Serialize, Deserialize, PartialEq, Debug, Default)]
    struct Line {
        text: String,
        at: u32,
        weight: f64,
        tags: Vec<String>,
    }

    fn args(json: &str) -> Payload {
        crate::Body::new(crate::Encoding::Json, json.as_bytes())
            .args(64)
            .unwrap()
    }

    #[test]
    fn structs_become_maps_and_come_back() {
        let line = Line {
            text: "hi".into(),
            at: 7,
            weight: 0.5,
            tags: vec!["a".into()],
        };
        let payload = (&line).into_args().unwrap();
        let json = crate::to_json(payload.as_message_pack());
        assert_eq!(json, r#"[{"text":"hi","at":7,"weight":0.5,"tags":["a"]}]"#);
        assert_eq!(payload.first::<Line>().unwrap(), line);
        assert_eq!(payload.decode::<(Line,)>().unwrap(), (line,));
    }

    #[test]
    fn a_reference_is_one_arg_and_args_are_several() {
        let json = |payload: Payload| crate::to_json(payload.as_message_pack());
        assert_eq!(json(().into_args().unwrap()), "[]");
        assert_eq!(json((&()).into_args().unwrap()), "[null]");
        assert_eq!(json((&(1, "a")).into_args().unwrap()), r#"[[1,"a"]]"#);
        assert_eq!(json(Args((1, "a")).into_args().unwrap()), r#"[1,"a"]"#);
        assert_eq!(json("text".into_args().unwrap()), r#"["text"]"#);
        assert_eq!(json(args("[1,[2]]").into_args().unwrap()), "[1,[2]]");
    }

    #[test]
    fn no_args_read_as_nil() {
        assert_eq!(Payload::empty().first::<Option<u32>>(), Ok(None));
        assert_eq!(Payload::empty().first::<()>(), Ok(()));
        assert!(Payload::empty().first::<u32>().is_err());
        assert_eq!(args("[5,6]").first::<u32>(), Ok(5));
    }

    #[test]
    fn integers_and_floats_of_equal_value_are_interchangeable() {
        assert_eq!(args("[1.0]").first::<u32>(), Ok(1));
        assert_eq!(args("[1]").first::<f64>(), Ok(1.0));
        assert_eq!(args("[-2.0]").first::<i8>(), Ok(-2));
        let line = args(r#"[{"text":"","at":3.0,"weight":2,"tags":[]}]"#).first::<Line>();
        assert_eq!(
            line,
            Ok(Line {
                at: 3,
                weight: 2.0,
                ..Line::default()
            })
        );
        assert!(args("[1.5]").first::<u32>().is_err());
        assert!(args("[300.0]").first::<u8>().is_err());
    }

    #[test]
    fn decode_errors_name_the_place_and_hide_the_content() {
        let error = args(r#"[{"text":"x","at":"s3cret, expected y","weight":1,"tags":[]}]"#)
            .decode::<(Line,)>()
            .unwrap_err();
        assert_eq!(error.path(), "[0].at");
        assert_eq!(error.problem(), "a string is not expected");
        let error = args("[-1]").first::<u8>().unwrap_err();
        assert_eq!(error.to_string(), "at .: expected u8");
        let error = args(r#"[{"text":"x"}]"#).first::<Line>().unwrap_err();
        assert_eq!(error.to_string(), "at .: missing field `at`");
        #[derive(Deserialize, Debug)]
        enum Choice {
            #[serde(rename = "a")]
            A,
        }
        let error = args(r#"["s3cret"]"#).first::<Choice>().unwrap_err();
        assert!(!error.to_string().contains("s3cret"), "{error}");
        assert!(matches!(args(r#"["a"]"#).first(), Ok(Choice::A)));
    }

    #[test]
    fn a_tuple_takes_as_many_args_as_there_are() {
        assert_eq!(args("[1,2]").decode::<(u8, u8)>(), Ok((1, 2)));
        assert_eq!(args("[1,2]").decode::<Vec<u8>>(), Ok(vec![1, 2]));
        assert!(args("[1]").decode::<(u8, u8)>().is_err());
        assert!(args("[1,2,3]").decode::<(u8, u8)>().is_err());
        assert!(args("[]").decode::<()>().is_err());
    }

    #[test]
    fn what_breaks_the_value_model_is_not_sent() {
        let integer_keys = HashMap::from([(1, "a")]);
        let error = Value::encode(&integer_keys).unwrap_err();
        assert_eq!(error, EncodeError::ValueModel(BadArgs::KeyNotAString));
        let mut deep = serde_json::Value::Null;
        (0..70).for_each(|_| deep = serde_json::Value::Array(vec![deep.take()]));
        let error = Value::encode(&deep).unwrap_err();
        assert_eq!(
            error,
            EncodeError::ValueModel(BadArgs::TooDeep { limit: 64 })
        );
    }

    #[test]
    fn float_32_is_sent_as_float_64() {
        let value = Value::encode(&BTreeMap::from([("x", 0.5_f32)])).unwrap();
        assert_eq!(value.as_message_pack()[..4], [0x81, 0xa1, b'x', 0xcb]);
        assert_eq!(value.decode::<BTreeMap<String, f32>>().unwrap()["x"], 0.5);
    }

    #[test]
    fn bytes_keep_their_type() {
        let value = Value::encode(serde_bytes::Bytes::new(&[0, 255])).unwrap();
        assert_eq!(&value.as_message_pack()[..], &[0xc4, 2, 0, 255]);
        let back = value.decode::<serde_bytes::ByteBuf>().unwrap();
        assert_eq!(&back[..], &[0, 255]);
    }

    #[test]
    fn addresses_travel_in_the_form_for_people() {
        let address: std::net::IpAddr = "::1".parse().unwrap();
        let value = Value::encode(&address).unwrap();
        assert_eq!(crate::to_json(value.as_message_pack()), "\"::1\"");
        assert_eq!(value.decode::<std::net::IpAddr>(), Ok(address));
    }

    #[test]
    fn args_are_taken_apart_and_put_together() {
        let payload = args(r#"["room",[1],{"a":null}]"#);
        assert_eq!((payload.count(), payload.is_empty()), (3, false));
        let rest = Payload::from_values(payload.iter().skip(1)).unwrap();
        assert_eq!(
            crate::to_json(rest.as_message_pack()),
            r#"[[1],{"a":null}]"#
        );
        let deepest = Value::from_message_pack([vec![0x91; 62], vec![0x90]].concat().into());
        let too_deep = Payload::from_values(deepest);
        assert_eq!(too_deep, Err(BadArgs::TooDeep { limit: 64 }));
    }

    #[test]
    fn only_whole_arrays_are_args() {
        let check = |bytes: &'static [u8]| Payload::from_message_pack(Bytes::from_static(bytes));
        assert!(check(&[0x91, 0x01]).is_ok());
        assert_eq!(check(&[0xc0]), Err(BadArgs::NotAnArray));
        assert_eq!(check(&[0x90, 0x90]), Err(BadArgs::TrailingBytes));
        assert_eq!(check(&[0x91]), Err(BadArgs::Truncated));
    }

    #[test]
    fn debug_hides_the_content() {
        let shown = format!(
            "{:?} {:?}",
            args(r#"["s3cret"]"#),
            Value::encode("s3cret").unwrap()
        );
        assert_eq!(shown, "Payload(8 bytes) Value(7 bytes)");
    }
}
