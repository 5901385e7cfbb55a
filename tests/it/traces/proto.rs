//! What `proto/opentelemetry` names is what OpenTelemetry publishes.

use std::path::Path;

use prost_reflect::{DescriptorPool, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};

use crate::proto::sources_of;

const FILE: &str = "opentelemetry/proto/collector/trace/v1/trace_service.proto";

fn pool(folder: &Path) -> DescriptorPool {
    DescriptorPool::from_file_descriptor_set(protox::compile([FILE], [folder]).unwrap()).unwrap()
}

fn ours_and_published() -> (DescriptorPool, DescriptorPool) {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
    (pool(&ours), pool(&sources_of("opentelemetry-proto").join("src/proto/opentelemetry-proto")))
}

#[test]
fn every_message_value_and_call_is_as_published() {
    let (ours, published) = ours_and_published();
    let mut fields = 0;
    for message in ours.all_messages() {
        let theirs: MessageDescriptor = published.get_message_by_name(message.full_name()).unwrap();
        for field in message.fields() {
            let there = theirs.get_field(field.number()).unwrap_or_else(|| panic!("{}", field.full_name()));
            assert_eq!(shape(&field), shape(&there));
            fields += 1;
        }
    }
    assert!(fields > 30, "{fields} fields were compared");
    for values in ours.all_enums() {
        let theirs: EnumDescriptor = published.get_enum_by_name(values.full_name()).unwrap();
        for value in values.values() {
            assert_eq!(value.name(), theirs.get_value(value.number()).unwrap().name());
        }
    }
    for service in ours.services() {
        let theirs = published.get_service_by_name(service.full_name()).unwrap();
        for method in service.methods() {
            let there = theirs.methods().find(|there| there.name() == method.name()).unwrap();
            assert_eq!(method.input().full_name(), there.input().full_name());
            assert_eq!(method.output().full_name(), there.output().full_name());
            assert!(!there.is_client_streaming() && !there.is_server_streaming());
        }
    }
}

/// All that decides how a field is written.
fn shape(field: &FieldDescriptor) -> String {
    let kind = match field.kind() {
        Kind::Message(message) => message.full_name().to_owned(),
        Kind::Enum(values) => values.full_name().to_owned(),
        scalar => format!("{scalar:?}"),
    };
    format!("{} = {} {kind} {:?} packed {}", field.full_name(), field.number(), field.cardinality(), field.is_packed())
}
