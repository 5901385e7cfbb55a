//! A decision's fields by name: in the strict reading there are no others.

use super::fault;
use crate::{
    policy::{PolicyError, Value},
    yaml::quote,
};

/// The fields of a decision that are there, unread.
#[derive(Debug, Default)]
pub(super) struct Document<'v> {
    pub(super) allowed: Option<&'v Value>,
    pub(super) headers: Option<&'v Value>,
    pub(super) response_headers_to_add: Option<&'v Value>,
    pub(super) request_headers_to_remove: Option<&'v Value>,
    pub(super) query_parameters_to_set: Option<&'v Value>,
    pub(super) query_parameters_to_remove: Option<&'v Value>,
    pub(super) body: Option<&'v Value>,
    pub(super) http_status: Option<&'v Value>,
    pub(super) dynamic_metadata: Option<&'v Value>,
    pub(super) reason: Option<&'v Value>,
}

impl<'v> Document<'v> {
    /// All fields of an object, of which each is known.
    pub(super) fn strict(object: &'v Value) -> Result<Self, PolicyError> {
        let mut document = Self::default();
        for (key, value) in object.as_object().into_iter().flat_map(|object| object.iter()) {
            let Value::String(name) = key else { return Err(fault("the decision has a key that is not a string")) };
            let Some(field) = document.field(name) else {
                return Err(fault(format!("the decision has the unknown field {}: {KNOWN}", quote(name))));
            };
            *field = Some(value);
        }
        Ok(document)
    }

    /// The known fields of an object, whatever else there is.
    pub(super) fn lenient(object: &'v Value) -> Self {
        let mut document = Self::default();
        for (key, value) in object.as_object().into_iter().flat_map(|object| object.iter()) {
            if let Value::String(name) = key
                && let Some(field) = document.field(name)
            {
                *field = Some(value);
            }
        }
        document
    }

    fn field(&mut self, name: &str) -> Option<&mut Option<&'v Value>> {
        Some(match name {
            "allowed" => &mut self.allowed,
            "headers" => &mut self.headers,
            "response_headers_to_add" => &mut self.response_headers_to_add,
            "request_headers_to_remove" => &mut self.request_headers_to_remove,
            "query_parameters_to_set" => &mut self.query_parameters_to_set,
            "query_parameters_to_remove" => &mut self.query_parameters_to_remove,
            "body" => &mut self.body,
            "http_status" => &mut self.http_status,
            "dynamic_metadata" => &mut self.dynamic_metadata,
            "reason" => &mut self.reason,
            _ => return None,
        })
    }
}

const KNOWN: &str = "use `allowed`, `reason`, `headers`, `response_headers_to_add`, `request_headers_to_remove`, \
    `query_parameters_to_set`, `query_parameters_to_remove`, `body`, `http_status` and `dynamic_metadata`";
