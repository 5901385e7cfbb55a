//! YAML with positions, read strictly.
