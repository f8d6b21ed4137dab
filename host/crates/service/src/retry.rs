//! Retries a change that lost a race against another change of the same data.

use jackfield_core::Error;
use jackfield_store::StoreError;

/// How often a change is attempted.
///
/// Three lost races in a row mean that the data is changing constantly.
const ATTEMPTS: u32 = 3;

/// Why one attempt at a change stored nothing.
#[derive(Debug)]
pub(crate) enum ChangeError {
    /// The stored data changed after it was read; another attempt can succeed.
    Overtaken,
    Failed(Error),
}

/// Runs `attempt` until it is not overtaken, three times at most.
///
/// Each attempt reads the stored data again.
///
/// # Errors
/// The error of the attempt, or the one for [`StoreError::Conflict`] if every attempt was overtaken.
pub(crate) async fn retry_overtaken<T, F>(attempt: impl Fn() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, ChangeError>>,
{
    for _ in 0..ATTEMPTS {
        match attempt().await {
            Ok(done) => return Ok(done),
            Err(ChangeError::Overtaken) => {}
            Err(ChangeError::Failed(error)) => return Err(error),
        }
    }
    Err(StoreError::Conflict.into())
}

impl From<Error> for ChangeError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// [`StoreError::Conflict`] means that nothing was written, because the data had changed.
impl From<StoreError> for ChangeError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict => Self::Overtaken,
            other => Self::Failed(other.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// Runs a change that loses `races` races. Returns its result and its attempts.
    async fn run(races: u32) -> (Result<u32, Error>, u32) {
        let attempts = AtomicU32::new(0);
        let result = retry_overtaken(|| async {
            let attempt = attempts.fetch_add(1, Ordering::Relaxed);
            if attempt < races { Err(StoreError::Conflict.into()) } else { Ok(attempt) }
        })
        .await;
        (result, attempts.into_inner())
    }

    #[tokio::test]
    async fn an_overtaken_change_is_retried_twice() {
        assert!(matches!(run(0).await, (Ok(0), 1)));
        assert!(matches!(run(2).await, (Ok(2), 3)));
        assert!(matches!(run(3).await, (Err(_), 3)));
    }

    #[tokio::test]
    async fn a_failed_change_is_not_retried() {
        let attempts = AtomicU32::new(0);
        let result: Result<(), Error> = retry_overtaken(|| async {
            attempts.fetch_add(1, Ordering::Relaxed);
            Err(Error::ProviderTimeout.into())
        })
        .await;
        assert!(matches!(result, Err(Error::ProviderTimeout)));
        assert_eq!(attempts.into_inner(), 1);
    }
}
