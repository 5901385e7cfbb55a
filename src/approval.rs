//! Who signed a document, in the format of `ssh-keygen -Y sign`, and whether those are the signatures that it needs.

pub(crate) use self::people::same_person;

mod people;
