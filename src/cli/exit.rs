//! What the process says to whoever called it, as a number.

use std::process::ExitCode;

/// How a verb ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Yes.
    Yes,
    /// Denied or failed.
    Failed,
    /// The command line is wrong.
    Usage,
    /// A file does not load.
    DoesNotLoad,
    /// A test failed, or there was none.
    TestsFailed,
    /// Nobody answered.
    Unreachable,
}

impl Exit {
    /// The exit code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Yes => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::DoesNotLoad => 3,
            Self::TestsFailed => 4,
            Self::Unreachable => 5,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
