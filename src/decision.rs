//! The answer, and what was proved on the way to it.
