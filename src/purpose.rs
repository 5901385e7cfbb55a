//! What a hop is for.
