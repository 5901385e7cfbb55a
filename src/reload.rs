//! Watches files, builds aside, swaps whole.
