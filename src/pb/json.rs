//! Requests as people write them down: proto JSON, in which a field that does not exist is an error and not nothing.

use std::sync::LazyLock;

use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};

use super::{CheckRequest, DESCRIPTORS};

/// Reads a `CheckRequest` in proto JSON, as Envoy's own tools write it.
///
/// # Errors
/// What is wrong with it, and where.
pub fn check_request_from_json(json: &str) -> Result<CheckRequest, String> {
    let descriptor = CHECK_REQUEST.clone().ok_or("the descriptors of Envoy's messages cannot be read")?;
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let message = DynamicMessage::deserialize(descriptor, &mut deserializer).map_err(|error| error.to_string())?;
    deserializer.end().map_err(|error| error.to_string())?;
    message.transcode_to().map_err(|error| error.to_string())
}

static CHECK_REQUEST: LazyLock<Option<MessageDescriptor>> = LazyLock::new(|| {
    DescriptorPool::decode(DESCRIPTORS).ok()?.get_message_by_name("envoy.service.auth.v3.CheckRequest")
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_as_it_is_written() {
        let check = check_request_from_json(
            r#"{"attributes": {
                "source": {"address": {"socketAddress": {"protocol": "UDP", "address": "10.0.0.1", "portValue": 0}}},
                "request": {"time": "2026-11-20T09:47:47.5Z", "http": {"size": "41", "raw_body": "AAEC/w==", "headers": {"a": "b"}}},
                "metadataContext": {"filterMetadata": {"x": {"y": [1, null]}}}
            }}"#,
        )
        .unwrap();
        let attributes = check.attributes.unwrap();
        let request = attributes.request.unwrap();
        assert_eq!(request.time.unwrap().nanos, 500_000_000);
        let http = request.http.unwrap();
        assert_eq!((http.size, http.raw_body.as_slice(), http.headers["a"].as_str()), (41, &[0, 1, 2, 255][..], "b"));
        assert_eq!(attributes.metadata_context.unwrap().filter_metadata["x"].fields["y"].kind.is_some(), true);
        assert_eq!(check_request_from_json("{}"), Ok(CheckRequest::default()));
    }

    #[test]
    fn what_is_not_in_the_message_is_an_error() {
        for (json, said) in [
            ("", "EOF"),
            ("{} {}", "trailing"),
            (r#"{"attribute": {}}"#, "attribute"),
            (r#"{"attributes": {"request": {"http": {"size": "x"}}}}"#, ""),
            (r#"{"attributes": []}"#, ""),
        ] {
            let error = check_request_from_json(json).unwrap_err();
            assert!(error.contains(said), "{json}: {error}");
        }
    }
}
