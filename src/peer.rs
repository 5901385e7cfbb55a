//! Who is calling, proved.
