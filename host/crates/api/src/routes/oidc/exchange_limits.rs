//! Limits the codes that are exchanged at the identity provider: at once, and for each address.
//!
//! Anybody can send a made-up code. Each exchange sends the client secret, and a provider may lock a client that sends
//! too many wrong codes.

use std::{
    collections::HashMap,
    net::IpAddr,
    num::NonZeroU32,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jackfield_core::Error;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::http::{address_limiter::AddressLimiter, callers::network_of};

/// Maximum number of codes that are exchanged at once. People who sign in do not need more.
const AT_ONCE: usize = 16;

/// Maximum number of those for one address, so that others can still sign in.
const AT_ONCE_PER_ADDRESS: usize = 4;

/// Maximum number of exchanges of one address; another one is allowed every three seconds.
const PER_ADDRESS: NonZeroU32 = NonZeroU32::new(20).expect("20 is not zero");

/// The exchanges that are running, and those that each address has left.
pub(super) struct ExchangeLimits {
    all: Semaphore,
    left: AddressLimiter,
    running: Mutex<HashMap<IpAddr, usize>>,
}

/// Permits one exchange.
pub(super) struct ExchangePermit<'a> {
    limits: &'a ExchangeLimits,
    network: IpAddr,
    _permit: SemaphorePermit<'a>,
}

impl Default for ExchangeLimits {
    fn default() -> Self {
        Self { all: Semaphore::new(AT_ONCE), left: AddressLimiter::per_minute(PER_ADDRESS), running: Mutex::default() }
    }
}

impl ExchangeLimits {
    /// Begins an exchange for an address.
    ///
    /// # Errors
    /// [`Error::RateLimited`] if the address has too many, [`Error::Overloaded`] if there are too many at once.
    pub(super) fn begin(&self, address: IpAddr) -> Result<ExchangePermit<'_>, Error> {
        let network = network_of(address);
        let limited =
            |retry_after| Error::RateLimited { what: "too many sign-ins from this address".to_owned(), retry_after };
        let mut running = self.lock();
        if running.get(&network).is_some_and(|count| *count >= AT_ONCE_PER_ADDRESS) {
            return Err(limited(5));
        }
        let permit = self.all.try_acquire().map_err(|_full| Error::Overloaded {
            what: "too many people are signing in at once".to_owned(),
            retry_after: 5,
        })?;
        self.left.count(address).map_err(limited)?;
        *running.entry(network).or_default() += 1;
        Ok(ExchangePermit { limits: self, network, _permit: permit })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ExchangePermit<'_> {
    fn drop(&mut self) {
        let mut running = self.limits.lock();
        if let Some(count) = running.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                running.remove(&self.network);
            }
        }
    }
}

impl std::fmt::Debug for ExchangeLimits {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ExchangeLimits").field("running", &*self.lock()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_cannot_take_all_exchanges() {
        let limits = ExchangeLimits::default();
        let address = |last: u8| IpAddr::from([192, 0, 2, last]);
        let running: Vec<_> = (0..4).map(|_| limits.begin(address(1)).expect("is permitted")).collect();
        assert!(matches!(limits.begin(address(1)), Err(Error::RateLimited { .. })));
        let other = limits.begin(address(2)).expect("another address can still sign in");
        drop((running, other));
        for _ in 4..20 {
            drop(limits.begin(address(1)).expect("is permitted"));
        }
        assert!(matches!(limits.begin(address(1)), Err(Error::RateLimited { .. })));
        assert!(limits.begin(address(2)).is_ok() && limits.lock().is_empty());
    }
}
