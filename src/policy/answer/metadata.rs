//! Dynamic metadata of a policy: no deeper and no larger than Envoy reads, so that no answer fails over it.

use serde_json::{Map, Value as Json};

use super::{
    Style, fault,
    value::{self, Keys},
};
use crate::policy::{PolicyError, Value};

/// What a policy has for access logs and later filters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata(Map<String, Json>);

impl Metadata {
    /// Its fields; every number is one that a double holds.
    pub const fn fields(&self) -> &Map<String, Json> {
        &self.0
    }

    pub(super) fn read(value: &Value, style: Style) -> Result<Self, PolicyError> {
        let keys = if style == Style::Hopguard { Keys::Strings } else { Keys::AsJson };
        let mut reader = Reader { keys, left: style.bounds().metadata };
        match reader.read(value, style.bounds().depth)? {
            Json::Object(fields) => Ok(Self(fields)),
            _ => Err(fault(format!("`{WHAT}` is not an object"))),
        }
    }
}

struct Reader {
    keys: Keys,
    /// The bytes that may still come.
    left: usize,
}

impl Reader {
    fn read(&mut self, value: &Value, depth: usize) -> Result<Json, PolicyError> {
        self.spend(EACH)?;
        Ok(match value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::String(text) => {
                self.spend(text.len())?;
                Json::String(text.to_string())
            }
            Value::Number(number) => {
                let exact = number.as_f64();
                // OPA's plugin takes the nearest.
                let nearest = || number.format_decimal().parse().ok().filter(|_| self.keys == Keys::AsJson);
                let number = exact.or_else(nearest).and_then(serde_json::Number::from_f64);
                Json::Number(number.ok_or_else(|| {
                    fault(format!("`{WHAT}` has a number that Envoy cannot hold: write it as a string"))
                })?)
            }
            Value::Array(_) | Value::Set(_) => {
                let depth = deeper(depth)?;
                let items = value::items(value).unwrap_or_default();
                Json::Array(items.into_iter().map(|item| self.read(item, depth)).collect::<Result<_, _>>()?)
            }
            Value::Object(object) => {
                let depth = deeper(depth)?;
                let mut fields = Map::new();
                for (key, value) in object.iter() {
                    let name = self.keys.text(WHAT, key)?;
                    self.spend(name.len())?;
                    if fields.insert(name, self.read(value, depth)?).is_some() {
                        return Err(fault(format!("`{WHAT}` has two keys that are the same as JSON")));
                    }
                }
                Json::Object(fields)
            }
            Value::Undefined => return Err(fault(format!("`{WHAT}` holds something undefined"))),
        })
    }

    fn spend(&mut self, bytes: usize) -> Result<(), PolicyError> {
        let left = self.left.checked_sub(bytes).ok_or_else(|| fault(format!("`{WHAT}` is too large")))?;
        self.left = left;
        Ok(())
    }
}

fn deeper(depth: usize) -> Result<usize, PolicyError> {
    depth.checked_sub(1).ok_or_else(|| fault(format!("`{WHAT}` is too deep")))
}

const WHAT: &str = "dynamic_metadata";
/// What a value costs by itself.
const EACH: usize = 16;
