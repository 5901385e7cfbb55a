//! One request between two workloads, decoded strictly.
