//! How snag ends when it cannot do what it was asked: a message and an exit code.

use std::io;
use std::process::ExitCode;

use snag::client::ClientError;

/// The exit codes scripts rely on; `snag --help` lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// What was said cannot be done: say it differently.
    Usage = 2,
    /// A backup is damaged, or a newer snag made it.
    BadData = 65,
    /// No daemon where one is needed.
    Unavailable = 69,
    /// What is to be made cannot be made there.
    CannotCreate = 73,
    /// Something on this machine failed.
    Io = 74,
    /// Not allowed.
    NotAllowed = 77,
}

/// An error that knows its exit code.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Stop {
    code: Code,
    message: String,
}

/// An error with an exit code of its own.
pub(crate) fn stop(code: Code, message: impl Into<String>) -> anyhow::Error {
    Stop { code, message: message.into() }.into()
}

/// The exit code of an error.
pub(crate) fn code_of(error: &anyhow::Error) -> ExitCode {
    let code = error.downcast_ref::<Stop>().map(|stop| stop.code);
    let code = code.or_else(|| error.downcast_ref::<ClientError>().map(code_of_client));
    let code = code.or_else(|| is_denied(error).then_some(Code::NotAllowed));
    ExitCode::from(code.unwrap_or(Code::Io) as u8)
}

fn is_denied(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.any(|cause| cause.kind() == io::ErrorKind::PermissionDenied)
}

/// Whether the daemon is away or busy, so that the same may succeed later.
pub(crate) fn is_passing(error: &ClientError) -> bool {
    code_of_client(error) == Code::Unavailable && !matches!(error, ClientError::Strange(_))
}

fn code_of_client(error: &ClientError) -> Code {
    match error {
        ClientError::Told(told) => match told.status {
            401 | 403 => Code::NotAllowed,
            408 | 429 | 500.. => Code::Unavailable,
            _ => Code::Usage,
        },
        ClientError::Away(_)
        | ClientError::Unreachable { .. }
        | ClientError::Broken(_)
        | ClientError::Silent(_)
        | ClientError::Ended(_)
        | ClientError::Strange(_) => Code::Unavailable,
    }
}

/// Whether the error is that nobody reads our output any more: `snag events | head`. A connection to
/// a daemon that breaks is none of that, though its cause may be the same.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use anyhow::Context;
    use snag::client::Target;

    use super::*;

    #[test]
    fn what_is_not_permitted_is_no_failure_of_the_disk() {
        let failed = |kind: io::ErrorKind| Err::<(), _>(io::Error::from(kind)).context("x");
        let code = |kind| code_of(&failed(kind).unwrap_err());
        assert_eq!(code(io::ErrorKind::PermissionDenied), ExitCode::from(Code::NotAllowed as u8));
        assert_eq!(code(io::ErrorKind::StorageFull), ExitCode::from(Code::Io as u8));
    }

    #[test]
    fn a_daemon_that_breaks_off_is_no_reader_who_has_enough() {
        let broken = || io::Error::from(io::ErrorKind::BrokenPipe);
        let output = Err::<(), _>(broken()).context("the answer cannot be written").unwrap_err();
        assert!(is_broken_pipe(&output));
        let target: Target = "unix:/s".parse().unwrap();
        let daemon = ClientError::Unreachable { target, source: broken() };
        assert!(!is_broken_pipe(&daemon.into()), "an export that was cut short is not done");
    }
}
