//! A certificate as the object that Go writes of it, field by field: what policies for OPA read.

use std::net::IpAddr;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    super::super::{engine::Value, json::replaced},
    certificate::{Certificate, Extension},
    constraints::Subtrees,
    decimal::decimal,
    name::Name,
    public_key::{DSA, EC, ED25519_ID, PublicKey, RSA},
    uri::Uri,
};

/// The object: Go's, and what OPA adds to it.
pub(super) fn value(certificate: &Certificate<'_>) -> Option<Value> {
    let known = &certificate.known;
    let alternatives = &known.alternatives;
    let policies = known.policies.as_ref();
    let mut fields = vec![
        ("Raw", octets(certificate.raw)),
        ("RawTBSCertificate", octets(certificate.tbs)),
        ("RawSubjectPublicKeyInfo", octets(certificate.raw_key)),
        ("RawSubject", octets(certificate.raw_subject)),
        ("RawIssuer", octets(certificate.raw_issuer)),
        ("Signature", octets(&certificate.signature)),
        ("SignatureAlgorithm", certificate.signature_algorithm.into()),
        ("PublicKeyAlgorithm", key_algorithm(&certificate.key_algorithm).into()),
        ("PublicKey", key(&certificate.key)?),
        ("Version", certificate.version.into()),
        ("SerialNumber", number(certificate.serial)?),
        ("Issuer", name(&certificate.issuer)),
        ("Subject", name(&certificate.subject)),
        ("NotBefore", certificate.not_before.as_str().into()),
        ("NotAfter", certificate.not_after.as_str().into()),
        ("KeyUsage", known.key_usage.into()),
        ("Extensions", list(certificate.extensions.iter().map(extension))),
        ("ExtraExtensions", Value::Null),
        ("UnhandledCriticalExtensions", list(known.unhandled.iter().map(|id| oid(id)))),
        ("ExtKeyUsage", list(known.extended.iter().filter_map(|id| usage(id)).map(Value::from))),
        ("UnknownExtKeyUsage", list(known.extended.iter().filter(|id| usage(id).is_none()).map(|id| oid(id)))),
        ("BasicConstraintsValid", known.is_ca.is_some().into()),
        ("IsCA", known.is_ca.unwrap_or(false).into()),
        ("MaxPathLen", known.max_path.into()),
        ("MaxPathLenZero", (known.is_ca.is_some() && known.max_path == 0).into()),
        ("SubjectKeyId", known.subject_key_id.as_deref().map_or(Value::Null, octets)),
        ("AuthorityKeyId", known.authority_key_id.as_deref().map_or(Value::Null, octets)),
        ("OCSPServer", texts(known.ocsp.iter().map(|place| replaced(place)))),
        ("IssuingCertificateURL", texts(known.issuing.iter().map(|place| replaced(place)))),
        ("DNSNames", texts(&alternatives.dns)),
        ("EmailAddresses", texts(&alternatives.emails)),
        ("IPAddresses", list(alternatives.ips.iter().map(|ip| address(*ip)))),
        ("URIs", list(alternatives.uris.iter().map(uri))),
        ("PermittedDNSDomainsCritical", known.constraints_critical.into()),
        ("CRLDistributionPoints", texts(known.crl_points.iter().map(|place| replaced(place)))),
        (
            "PolicyIdentifiers",
            policies.map_or(Value::Null, |policies| policies.iter().map(|id| oid(id)).collect::<Vec<_>>().into()),
        ),
        ("Policies", list(policies.into_iter().flatten().map(|id| dotted(id)))),
        (
            "PolicyMappings",
            list(known.mappings.iter().map(|(issuer, subject)| {
                object([("IssuerDomainPolicy", dotted(issuer)), ("SubjectDomainPolicy", dotted(subject))])
            })),
        ),
    ];
    fields.extend(subtrees(&known.permitted, PERMITTED));
    fields.extend(subtrees(&known.excluded, EXCLUDED));
    for (limit, name, zero) in [
        (known.inhibit_any_policy, "InhibitAnyPolicy", "InhibitAnyPolicyZero"),
        (known.inhibit_policy_mapping, "InhibitPolicyMapping", "InhibitPolicyMappingZero"),
        (known.require_explicit_policy, "RequireExplicitPolicy", "RequireExplicitPolicyZero"),
    ] {
        fields.push((name, limit.unwrap_or(0).into()));
        fields.push((zero, (limit == Some(0)).into()));
    }
    fields.push(("URIStrings", texts(alternatives.uris.iter().map(|uri| &uri.text))));
    Some(object(fields))
}

fn object(fields: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let mut object = Value::new_object();
    if let Ok(place) = object.as_object_mut() {
        for (name, value) in fields {
            place.insert(name.into(), value);
        }
    }
    object
}

/// A list; null if there is nothing in it.
fn list(items: impl Iterator<Item = Value>) -> Value {
    let items: Vec<Value> = items.collect();
    if items.is_empty() { Value::Null } else { items.into() }
}

fn texts(items: impl IntoIterator<Item = impl AsRef<str>>) -> Value {
    list(items.into_iter().map(|item| item.as_ref().into()))
}

fn octets(octets: &[u8]) -> Value {
    STANDARD.encode(octets).into()
}

fn oid(id: &[u32]) -> Value {
    id.iter().map(|number| Value::from(*number)).collect::<Vec<_>>().into()
}

fn dotted(id: &[u32]) -> Value {
    id.iter().map(ToString::to_string).collect::<Vec<_>>().join(".").into()
}

fn number(octets: &[u8]) -> Option<Value> {
    Value::from_numeric_string(&decimal(octets)?).ok()
}

fn key_algorithm(id: &[u32]) -> i64 {
    match id {
        RSA => 1,
        DSA => 2,
        EC => 3,
        ED25519_ID => 4,
        _ => 0,
    }
}

fn key(key: &PublicKey) -> Option<Value> {
    Some(match key {
        PublicKey::Rsa { modulus, exponent } => object([("N", number(modulus)?), ("E", number(exponent)?)]),
        PublicKey::Ec { curve, point, .. } => {
            let (x, y) = point.get(1..)?.split_at_checked(curve.width())?;
            // Go's curve has no field that anybody sees.
            object([("Curve", Value::new_object()), ("X", number(x)?), ("Y", number(y)?)])
        }
        PublicKey::Ed25519 { octets: key, .. } => octets(key),
        PublicKey::Other => Value::Null,
    })
}

fn name(name: &Name) -> Value {
    let one = |number| Value::from(name.all(number).next_back().unwrap_or_default());
    let all = |number| texts(name.all(number));
    object([
        ("Country", all(6)),
        ("Organization", all(10)),
        ("OrganizationalUnit", all(11)),
        ("Locality", all(7)),
        ("Province", all(8)),
        ("StreetAddress", all(9)),
        ("PostalCode", all(17)),
        ("SerialNumber", one(5)),
        ("CommonName", one(3)),
        ("Names", list(name.0.iter().map(|(id, value)| object([("Type", oid(id)), ("Value", value.as_str().into())])))),
        ("ExtraNames", Value::Null),
    ])
}

fn extension(extension: &Extension<'_>) -> Value {
    object([("Id", oid(&extension.id)), ("Critical", extension.critical.into()), ("Value", octets(extension.value))])
}

/// The number that Go gives an extended key usage.
fn usage(id: &[u32]) -> Option<i64> {
    match id {
        [2, 5, 29, 37, 0] => Some(0),
        [1, 3, 6, 1, 5, 5, 7, 3, last @ 1..=9] => Some((*last).into()),
        [1, 3, 6, 1, 4, 1, 311, 10, 3, 3] => Some(10),
        [2, 16, 840, 1, 113_730, 4, 1] => Some(11),
        [1, 3, 6, 1, 4, 1, 311, 2, 1, 22] => Some(12),
        [1, 3, 6, 1, 4, 1, 311, 61, 1, 1] => Some(13),
        _ => None,
    }
}

fn address(ip: IpAddr) -> Value {
    // Go writes an IPv4 address in IPv6 as the former.
    ip.to_canonical().to_string().into()
}

fn uri(uri: &Uri) -> Value {
    object([
        ("Scheme", uri.scheme.as_str().into()),
        ("Opaque", uri.opaque.as_str().into()),
        ("User", Value::Null),
        ("Host", uri.host.as_str().into()),
        ("Path", uri.path.as_str().into()),
        ("Fragment", uri.fragment.as_str().into()),
        ("RawQuery", uri.query.as_str().into()),
        ("RawPath", "".into()),
        ("RawFragment", "".into()),
        ("ForceQuery", false.into()),
        ("OmitHost", uri.omits_host.into()),
    ])
}

fn subtrees(names: &Subtrees, [dns, emails, uris, ips]: [&'static str; 4]) -> [(&'static str, Value); 4] {
    let range = |(ip, mask): &(IpAddr, Vec<u8>)| object([("IP", address(*ip)), ("Mask", octets(mask))]);
    [
        (dns, texts(&names.dns)),
        (emails, texts(&names.emails)),
        (uris, texts(&names.uris)),
        (ips, list(names.ips.iter().map(range))),
    ]
}

const PERMITTED: [&str; 4] =
    ["PermittedDNSDomains", "PermittedEmailAddresses", "PermittedURIDomains", "PermittedIPRanges"];
const EXCLUDED: [&str; 4] = ["ExcludedDNSDomains", "ExcludedEmailAddresses", "ExcludedURIDomains", "ExcludedIPRanges"];
