//! The claims that are judged, and what each has to look like.

use std::fmt;

/// A claim that is judged here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// `aud`: for whom.
    Audience,
    /// `exp`: until when.
    Expires,
    /// `jti`: which token.
    Id,
    /// `iat`: since when.
    IssuedAt,
    /// `iss`: by whom.
    Issuer,
    /// `nbf`: from when.
    NotBefore,
    /// `rctx`: the environment of a transaction.
    RequestContext,
    /// `req_wl`: who asked for a transaction token.
    RequestingWorkload,
    /// `scope`: what for.
    Scope,
    /// `sub`: about whom.
    Subject,
    /// `txn`: which transaction.
    Transaction,
    /// `tctx`: the details of a transaction.
    TransactionContext,
}

impl Claim {
    /// Its name in a token.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Audience => "aud",
            Self::Expires => "exp",
            Self::Id => "jti",
            Self::IssuedAt => "iat",
            Self::Issuer => "iss",
            Self::NotBefore => "nbf",
            Self::RequestContext => "rctx",
            Self::RequestingWorkload => "req_wl",
            Self::Scope => "scope",
            Self::Subject => "sub",
            Self::Transaction => "txn",
            Self::TransactionContext => "tctx",
        }
    }

    pub(super) const fn detail(self) -> &'static str {
        match self {
            Self::Audience => "jwt.aud",
            Self::Expires => "jwt.exp",
            Self::Id => "jwt.jti",
            Self::IssuedAt => "jwt.iat",
            Self::Issuer => "jwt.iss",
            Self::NotBefore => "jwt.nbf",
            Self::RequestContext => "jwt.rctx",
            Self::RequestingWorkload => "jwt.req_wl",
            Self::Scope => "jwt.scope",
            Self::Subject => "jwt.sub",
            Self::Transaction => "jwt.txn",
            Self::TransactionContext => "jwt.tctx",
        }
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shape = match self {
            Self::Audience => "a string, or 1 to 32 strings, none of them empty",
            Self::Expires => "there, in whole seconds since 1970, and after `iat`",
            Self::IssuedAt | Self::NotBefore => "in whole seconds since 1970",
            Self::Id | Self::Issuer | Self::Subject | Self::Transaction => {
                "a string that is neither empty, too long nor with control characters"
            }
            Self::RequestContext | Self::TransactionContext => "an object",
            Self::RequestingWorkload => "a SPIFFE ID, or 1 to 32 of them",
            Self::Scope => "a string of values with one space between them",
        };
        write!(f, "its `{}` is not {shape}", self.name())
    }
}

impl std::error::Error for Claim {}
