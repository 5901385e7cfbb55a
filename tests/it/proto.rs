//! What `proto/` names is what Envoy publishes, and no capture loses any of it.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use envoy_types::pb::envoy::service::auth::v3 as theirs;
use hopguard::pb as ours;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage, Value};

/// Published fields of messages that we name, which we neither read nor send: the whole list.
const SKIPPED: &[&str] = &[
    "envoy.config.core.v3.HeaderValueOption.keep_empty_value",
    // Counts as a failure of the service, which some configurations let through: a denial is always `denied_response`.
    "envoy.service.auth.v3.CheckResponse.error_response",
    // Moved to `CheckResponse.dynamic_metadata`.
    "envoy.service.auth.v3.OkHttpResponse.dynamic_metadata",
    "google.rpc.Status.details",
];

const REQUEST: &str = "envoy.service.auth.v3.CheckRequest";
const RESPONSE: &str = "envoy.service.auth.v3.CheckResponse";

static OURS: LazyLock<DescriptorPool> = LazyLock::new(|| DescriptorPool::decode(ours::DESCRIPTORS).unwrap());

/// Envoy's own files, as the crate `envoy-types` ships them.
static PUBLISHED: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let folders: Vec<PathBuf> = fs::read_dir(published_folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    let files = protox::compile(["envoy/service/auth/v3/external_auth.proto"], folders).unwrap();
    DescriptorPool::from_file_descriptor_set(files).unwrap()
});

#[test]
fn every_message_is_as_published() {
    for message in OURS.all_messages() {
        let published = published(&message);
        for field in message.fields() {
            let theirs = published
                .get_field(field.number())
                .unwrap_or_else(|| panic!("`{}` is not published", field.full_name()));
            assert_eq!(shape(&field), shape(&theirs));
        }
    }
}

#[test]
fn every_enum_value_is_as_published() {
    for ours in OURS.all_enums() {
        let published = PUBLISHED.get_enum_by_name(ours.full_name()).unwrap();
        for value in ours.values() {
            let theirs = published.get_value(value.number()).unwrap();
            assert_eq!((value.name(), ours.full_name()), (theirs.name(), published.full_name()));
        }
    }
}

#[test]
fn the_service_is_as_published() {
    for service in OURS.services() {
        let published = PUBLISHED.get_service_by_name(service.full_name()).unwrap();
        for method in service.methods() {
            let theirs = published.methods().find(|theirs| theirs.name() == method.name()).unwrap();
            assert_eq!(method.full_name(), theirs.full_name());
            assert_eq!(method.input().full_name(), theirs.input().full_name());
            assert_eq!(method.output().full_name(), theirs.output().full_name());
            assert_eq!(method.is_client_streaming(), theirs.is_client_streaming());
            assert_eq!(method.is_server_streaming(), theirs.is_server_streaming());
        }
    }
}

#[test]
fn every_field_that_we_skip_is_listed() {
    let skipped: Vec<String> = OURS
        .all_messages()
        .flat_map(|message| {
            published(&message)
                .fields()
                .filter(move |field| message.get_field(field.number()).is_none())
                .map(|field| field.full_name().to_owned())
                .collect::<Vec<_>>()
        })
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    assert_eq!(skipped, SKIPPED);
}

#[test]
fn a_capture_keeps_every_field_that_we_name() {
    let request = PUBLISHED.get_message_by_name(REQUEST).unwrap();
    for (name, bytes) in captures() {
        let captured = DynamicMessage::decode(request.clone(), &*bytes).unwrap();
        assert_names_all(&captured);
        let through_ours = ours::CheckRequest::decode(&*bytes).unwrap().encode_to_vec();
        let kept = DynamicMessage::decode(request.clone(), &*through_ours).unwrap();
        assert_eq!(kept, captured, "{name}");
    }
}

#[test]
fn a_capture_survives_theirs_and_ours_in_any_order() {
    for (name, bytes) in captures() {
        let ours = ours::CheckRequest::decode(&*bytes).unwrap();
        let theirs = theirs::CheckRequest::decode(&*bytes).unwrap();
        assert_eq!(ours, ours::CheckRequest::decode(&*theirs.encode_to_vec()).unwrap(), "{name}");

        let back = theirs::CheckRequest::decode(&*ours.encode_to_vec()).unwrap();
        assert_eq!(ours, ours::CheckRequest::decode(&*back.encode_to_vec()).unwrap(), "{name}");
    }
}

#[test]
fn an_answer_with_every_field_set_is_read_whole() {
    for answer in answers() {
        let bytes = answer.encode_to_vec();
        let read = DynamicMessage::decode(PUBLISHED.get_message_by_name(RESPONSE).unwrap(), &*bytes).unwrap();
        assert_names_all(&read);
        assert_eq!(ours::CheckResponse::decode(&*read.encode_to_vec()).unwrap(), answer);

        let theirs = theirs::CheckResponse::decode(&*bytes).unwrap();
        assert_eq!(ours::CheckResponse::decode(&*theirs.encode_to_vec()).unwrap(), answer);
    }
}

/// Number, name, type, cardinality and presence: all that decides how a field is written.
fn shape(field: &FieldDescriptor) -> String {
    let kind = match field.kind() {
        Kind::Message(message) => message.full_name().to_owned(),
        Kind::Enum(values) => values.full_name().to_owned(),
        scalar => format!("{scalar:?}"),
    };
    format!(
        "{} = {} {kind} {:?} map {} packed {} presence {} oneof {:?}",
        field.full_name(),
        field.number(),
        field.cardinality(),
        field.is_map(),
        field.is_packed(),
        field.supports_presence(),
        field.containing_oneof().map(|oneof| oneof.name().to_owned()),
    )
}

/// Fails at a field of a published message that nobody publishes, or that we do not name: no capture has one.
fn assert_names_all(message: &DynamicMessage) {
    assert_eq!(message.unknown_fields().count(), 0, "a field that is not published");
    let ours = OURS.get_message_by_name(message.descriptor().full_name()).unwrap();
    for (field, value) in message.fields() {
        assert!(ours.get_field(field.number()).is_some(), "we do not name `{}`", field.full_name());
        let values: Vec<&Value> = match value {
            Value::List(values) => values.iter().collect(),
            Value::Map(entries) => entries.values().collect(),
            value => vec![value],
        };
        values.into_iter().filter_map(Value::as_message).for_each(assert_names_all);
    }
}

fn published(message: &MessageDescriptor) -> MessageDescriptor {
    let name = message.full_name();
    PUBLISHED.get_message_by_name(name).unwrap_or_else(|| panic!("`{name}` is not published"))
}

/// One allow and one denial. They are written out in full, so that a new field has to be added here.
fn answers() -> [ours::CheckResponse; 2] {
    let header = |append_action: ours::header_value_option::HeaderAppendAction| ours::HeaderValueOption {
        header: Some(ours::HeaderValue {
            key: "x-hopguard-peer".into(),
            value: "spiffe://prod.example/web".into(),
            raw_value: b"raw".as_slice().into(),
        }),
        append: Some(false),
        append_action: append_action.into(),
    };
    let dynamic_metadata = Some(prost_types::Struct {
        fields: [("allowed".into(), prost_types::Value { kind: Some(prost_types::value::Kind::BoolValue(true)) })]
            .into(),
    });
    let denied = ours::DeniedHttpResponse {
        status: Some(ours::HttpStatus { code: ours::StatusCode::Forbidden.into() }),
        headers: vec![header(ours::header_value_option::HeaderAppendAction::AddIfAbsent)],
        body: "{}".into(),
    };
    let allowed = ours::OkHttpResponse {
        headers: vec![header(ours::header_value_option::HeaderAppendAction::OverwriteIfExistsOrAdd)],
        headers_to_remove: vec!["x-hopguard-actor".into()],
        response_headers_to_add: vec![header(ours::header_value_option::HeaderAppendAction::OverwriteIfExists)],
        query_parameters_to_set: vec![ours::QueryParameter { key: "for".into(), value: "alice".into() }],
        query_parameters_to_remove: vec!["debug".into()],
    };
    [
        (7, ours::check_response::HttpResponse::DeniedResponse(denied)),
        (0, ours::check_response::HttpResponse::OkResponse(allowed)),
    ]
    .map(|(code, answer)| ours::CheckResponse {
        status: Some(ours::Status { code, message: "why".into() }),
        http_response: Some(answer),
        dynamic_metadata: dynamic_metadata.clone(),
    })
}

/// Every request that Envoy really sent, by name.
fn captures() -> impl Iterator<Item = (String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/captures");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let captures: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "bin"))
        .map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap()))
        .collect();
    assert!(captures.len() > 70, "the captures are missing");
    captures.into_iter()
}

fn published_folder() -> PathBuf {
    sources_of("envoy-types").join("proto")
}

/// Where cargo unpacked the sources of a package, in the version that `Cargo.lock` names.
pub(crate) fn sources_of(name: &str) -> PathBuf {
    let cargo = env::var_os("CARGO").expect("`cargo test` sets CARGO");
    let run = |arguments: &[&str]| {
        let output = Command::new(&cargo).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let version = run(&["-vV"]);
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let metadata = run(&["metadata", "--format-version=1", "--locked", "--offline", "--filter-platform", host]);
    let metadata: serde_json::Value = serde_json::from_str(&metadata).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == name).unwrap();
    Path::new(package["manifest_path"].as_str().unwrap()).parent().unwrap().to_owned()
}
