//! gRPC bodies, read by descriptors that were loaded with the policy, into what proto JSON makes of them.

use std::{fmt, sync::Arc};

use aws_lc_rs::digest::{SHA256, digest};
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor, SerializeOptions};

use crate::{
    hex,
    policy::{
        engine::Value,
        json::{self, Dialect, JsonError},
    },
};

/// What gRPC messages look like: a `FileDescriptorSet`, and its digest.
#[derive(Clone)]
pub struct Descriptors(Arc<Set>);

struct Set {
    pool: DescriptorPool,
    revision: String,
}

impl Descriptors {
    /// Reads what `protoc --include_imports --descriptor_set_out` and `buf build` write.
    ///
    /// # Errors
    /// Why it is no whole set of descriptors.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        let pool = DescriptorPool::decode(bytes)
            .map_err(|error| format!("is no set of descriptors with all its imports: {error}"))?;
        Ok(Self(Arc::new(Set { pool, revision: hex::encode(digest(&SHA256, bytes).as_ref()) })))
    }

    /// The SHA-256 of the file.
    pub fn revision(&self) -> &str {
        &self.0.revision
    }

    /// The method that is called at a path, unless the client streams to it: of that only the beginning could be judged.
    fn method(&self, service: &str, method: &str) -> Option<MethodDescriptor> {
        let service = self.0.pool.get_service_by_name(service)?;
        service.methods().find(|it| it.name() == method).filter(|it| !it.is_client_streaming())
    }
}

impl PartialEq for Descriptors {
    fn eq(&self, other: &Self) -> bool {
        self.0.revision == other.0.revision
    }
}

impl Eq for Descriptors {}

impl fmt::Debug for Descriptors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Descriptors").field(&self.0.revision).finish()
    }
}

/// What stands in a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Grpc {
    /// The first message, and whether something follows it.
    Message(Value, Followed),
    /// No method of that name is known that takes one message.
    Unknown,
    /// The message is compressed.
    Compressed,
    /// More is announced than is there.
    Cut,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Followed {
    ByNothing,
    BySomething,
}

/// Why a body is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::policy) enum GrpcError {
    /// There is no room for the five bytes before a message.
    #[error("less than 5 bytes")]
    Short,
    /// The message is not what the descriptors say.
    #[error("the gRPC message cannot be read")]
    Message,
    /// The message nests too deeply.
    #[error("the gRPC message is nested too deeply")]
    TooDeep,
}

/// Reads the first message of a call.
pub(super) fn read(body: &[u8], service: &str, method: &str, descriptors: &Descriptors) -> Result<Grpc, GrpcError> {
    let (prefix, rest) = body.split_first_chunk::<5>().ok_or(GrpcError::Short)?;
    let [compressed, length @ ..] = *prefix;
    if compressed != 0 {
        return Ok(Grpc::Compressed);
    }
    let length = usize::try_from(u32::from_be_bytes(length)).ok();
    let Some((message, after)) = length.and_then(|length| rest.split_at_checked(length)) else {
        return Ok(Grpc::Cut);
    };
    let Some(method) = descriptors.method(service, method) else { return Ok(Grpc::Unknown) };
    let message = DynamicMessage::decode(method.input(), message).map_err(|_| GrpcError::Message)?;
    let value = value(&message)?;
    Ok(Grpc::Message(value, if after.is_empty() { Followed::ByNothing } else { Followed::BySomething }))
}

/// As proto JSON says, and by way of its text: a float is not made longer than it is written.
fn value(message: &DynamicMessage) -> Result<Value, GrpcError> {
    let mut text = Vec::new();
    let mut serializer = serde_json::Serializer::new(&mut text);
    message.serialize_with_options(&mut serializer, &SerializeOptions::new()).map_err(|_| GrpcError::Message)?;
    json::read(&text, Dialect::Strict).map_err(|error| match error {
        JsonError::TooDeep => GrpcError::TooDeep,
        JsonError::Syntax | JsonError::Repeated | JsonError::Number => GrpcError::Message,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// `shop.Orders/Place` takes an order, `/Watch` a stream of them.
    pub(in crate::policy) fn shop() -> Descriptors {
        let folder = tempfile::tempdir().unwrap();
        let source = "syntax = \"proto3\"; package shop;
            import \"google/protobuf/wrappers.proto\";
            enum Kind { PLAIN = 0; GIFT = 1; }
            message Order {
              string item_name = 1; int64 amount = 2; Kind kind = 3; float price = 4;
              google.protobuf.Int64Value limit = 5; Order inner = 6; bytes seal = 7;
            }
            service Orders { rpc Place(Order) returns (Order); rpc Watch(stream Order) returns (Order); }";
        std::fs::write(folder.path().join("shop.proto"), source).unwrap();
        let set = protox::compile(["shop.proto"], [folder.path()]).unwrap();
        Descriptors::decode(&prost::Message::encode_to_vec(&set)).unwrap()
    }

    /// A message in its frame.
    pub(in crate::policy) fn frame(message: &[u8]) -> Vec<u8> {
        [&[0][..], &u32::try_from(message.len()).unwrap().to_be_bytes(), message].concat()
    }

    #[test]
    fn a_message_is_what_proto_json_makes_of_it() {
        let message = b"\x0a\x03tea\x10\x96\x01\x18\x01\x25\xcd\xcc\xcc\x3d\x2a\x02\x08\x07\x32\x00\x3a\x02\x00\xff";
        let Grpc::Message(value, Followed::ByNothing) = read(&frame(message), "shop.Orders", "Place", &shop()).unwrap()
        else {
            panic!("no message")
        };
        assert_eq!(
            serde_json::to_string(&value).unwrap(),
            r#"{"amount":"150","inner":{},"itemName":"tea","kind":"GIFT","limit":"7","price":0.1,"seal":"AP8="}"#
        );
        let empty = read(&frame(b""), "shop.Orders", "Place", &shop()).unwrap();
        assert_eq!(empty, Grpc::Message(Value::new_object(), Followed::ByNothing));
        let two = [frame(b""), frame(b"")].concat();
        assert_eq!(
            read(&two, "shop.Orders", "Place", &shop()),
            Ok(Grpc::Message(Value::new_object(), Followed::BySomething))
        );
    }

    #[test]
    fn what_is_not_one_whole_message_says_so() {
        let read = |body: &[u8], method: &str| read(body, "shop.Orders", method, &shop());
        assert_eq!(read(b"\0\0\0\0", "Place"), Err(GrpcError::Short));
        assert_eq!(read(b"\x01\0\0\0\0", "Place"), Ok(Grpc::Compressed));
        assert_eq!(read(b"\0\0\0\0\x05abcd", "Place"), Ok(Grpc::Cut));
        assert_eq!(read(b"\0\xff\xff\xff\xff", "Place"), Ok(Grpc::Cut));
        assert_eq!(read(&frame(b"\x0a\xff"), "Place"), Err(GrpcError::Message));
        assert_eq!(read(&frame(b"\x0a\x01\xff"), "Place"), Err(GrpcError::Message));
        assert_eq!(read(&frame(b""), "Watch"), Ok(Grpc::Unknown));
        assert_eq!(read(&frame(b""), "Nothing"), Ok(Grpc::Unknown));
        assert_eq!(super::read(&frame(b""), "shop.Order", "Place", &shop()), Ok(Grpc::Unknown));
    }

    #[test]
    fn a_deep_message_is_too_deep() {
        let nested = |depth: usize| {
            (0..depth).fold(Vec::new(), |inner: Vec<u8>, _| {
                let mut outer = vec![0x32];
                prost::encode_length_delimiter(inner.len(), &mut outer).unwrap();
                outer.extend(inner);
                outer
            })
        };
        let read = |depth| read(&frame(&nested(depth)), "shop.Orders", "Place", &shop());
        assert!(matches!(read(60), Ok(Grpc::Message(..))));
        assert_eq!(read(70), Err(GrpcError::TooDeep));
        assert_eq!(read(10_000), Err(GrpcError::Message));
    }

    #[test]
    fn a_set_of_descriptors_is_whole_or_refused() {
        assert!(Descriptors::decode(b"\xff").is_err());
        assert_eq!(shop(), shop());
        assert_eq!(shop().revision().len(), 64);
    }
}
