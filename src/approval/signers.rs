//! Whose signatures count, and by which keys.

/// An [`allowed_signers`](https://man.openbsd.org/ssh-keygen.1#ALLOWED_SIGNERS) file.
#[derive(Debug)]
pub struct AllowedSigners(());
