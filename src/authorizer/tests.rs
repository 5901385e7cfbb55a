//! The order of what is checked, what is taken back, what each mode lets through, and what comes of all that.

use super::{fixture::*, *};

mod findings;
mod modes;
mod order;
mod property;
mod targets;
