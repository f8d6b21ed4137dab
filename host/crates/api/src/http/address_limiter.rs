//! Limits how often each address may do something, and remembers a bounded number of addresses.

use std::{
    net::IpAddr,
    num::NonZeroU32,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock, Reference},
    middleware::NoOpMiddleware,
    state::keyed::HashMapStateStore,
};

use super::callers::network_of;

/// Maximum number of addresses that are remembered. They take about 1 MB.
///
/// Somebody with more addresses than this can make the limiter forget all of them. That gains little, because such a
/// client has thousands of times the attempts of one address anyway.
const MAX_ADDRESSES: usize = 16_384;

/// How often addresses are forgotten that have all their attempts again. After a minute without one, they do.
const FORGET_INTERVAL: Duration = Duration::from_secs(60);

/// Limits how often each address, or each IPv6 /64, may do something.
pub(crate) struct AddressLimiter<C: Clock + Clone = DefaultClock> {
    quota: Quota,
    clock: C,
    counted: Mutex<CountedAddresses<C>>,
}

struct CountedAddresses<C: Clock + Clone> {
    limiter: RateLimiter<IpAddr, HashMapStateStore<IpAddr>, C, NoOpMiddleware<C::Instant>>,
    forgot_at: C::Instant,
}

impl AddressLimiter {
    /// Creates a limiter that allows this number of attempts at once, and the same number in each minute.
    pub(crate) fn per_minute(attempts: NonZeroU32) -> Self {
        Self::with_clock(attempts, DefaultClock::default())
    }
}

impl<C: Clock + Clone> AddressLimiter<C> {
    fn with_clock(attempts: NonZeroU32, clock: C) -> Self {
        let quota = Quota::per_minute(attempts);
        Self { quota, counted: Mutex::new(CountedAddresses::new(quota, &clock)), clock }
    }

    /// Counts an attempt of an address.
    ///
    /// # Errors
    /// The address has none left. Contains the number of seconds after which it has one.
    pub(crate) fn count(&self, address: IpAddr) -> Result<(), u32> {
        let mut counted = self.lock();
        let now = self.clock.now();
        let is_full = counted.limiter.len() >= MAX_ADDRESSES;
        if is_full || Duration::from(now.duration_since(counted.forgot_at)) >= FORGET_INTERVAL {
            counted.limiter.retain_recent();
            counted.limiter.shrink_to_fit();
            counted.forgot_at = now;
            // Otherwise, each attempt could search the whole map again to forget only a few addresses.
            if is_full && counted.limiter.len() > MAX_ADDRESSES / 2 {
                *counted = CountedAddresses::new(self.quota, &self.clock);
            }
        }
        counted.limiter.check_key(&network_of(address)).map_err(|early| {
            let wait = early.wait_time_from(now);
            u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1)
        })
    }

    fn lock(&self) -> MutexGuard<'_, CountedAddresses<C>> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Clock + Clone> CountedAddresses<C> {
    fn new(quota: Quota, clock: &C) -> Self {
        Self { limiter: RateLimiter::hashmap_with_clock(quota, clock.clone()), forgot_at: clock.now() }
    }
}

impl<C: Clock + Clone> std::fmt::Debug for AddressLimiter<C> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("AddressLimiter").field("addresses", &self.lock().limiter.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use governor::clock::FakeRelativeClock;

    use super::*;

    const ATTEMPTS: NonZeroU32 = NonZeroU32::new(20).expect("20 is not zero");

    fn limiter() -> (AddressLimiter<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        (AddressLimiter::with_clock(ATTEMPTS, clock.clone()), clock)
    }

    fn address(number: u32) -> IpAddr {
        Ipv4Addr::from_bits(number).into()
    }

    fn remembered(limiter: &AddressLimiter<FakeRelativeClock>) -> usize {
        limiter.lock().limiter.len()
    }

    #[test]
    fn an_address_is_limited_until_it_has_an_attempt_again() {
        let (limiter, clock) = limiter();
        for _ in 0..20 {
            assert_eq!(limiter.count(address(1)), Ok(()));
        }
        assert_eq!(limiter.count(address(1)), Err(4));
        assert_eq!(limiter.count(address(2)), Ok(()));
        clock.advance(Duration::from_secs(2));
        assert_eq!(limiter.count(address(1)), Err(2));
        clock.advance(Duration::from_secs(1));
        assert_eq!((limiter.count(address(1)), limiter.count(address(1))), (Ok(()), Err(4)));
    }

    #[test]
    fn addresses_of_one_ipv6_network_share_their_attempts() {
        let (limiter, _) = limiter();
        for host in 0..20 {
            assert_eq!(limiter.count(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, host).into()), Ok(()));
        }
        assert!(limiter.count(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 9, 9, 9, 9).into()).is_err());
        assert_eq!(remembered(&limiter), 1);
    }

    #[test]
    fn addresses_are_forgotten_by_age_even_if_none_was_limited() {
        let (limiter, clock) = limiter();
        for number in 0..1_000 {
            assert_eq!(limiter.count(address(number)), Ok(()));
        }
        assert_eq!(remembered(&limiter), 1_000);
        clock.advance(Duration::from_secs(59));
        while limiter.count(address(7)).is_ok() {}
        assert_eq!(remembered(&limiter), 1_000);
        clock.advance(Duration::from_secs(1));
        assert_eq!(limiter.count(address(5_000)), Ok(()));
        assert_eq!(remembered(&limiter), 2, "the new address, and the one without attempts");
        assert!(limiter.count(address(7)).is_err(), "it is still limited");
    }

    #[test]
    fn the_number_of_remembered_addresses_is_bounded_at_any_speed() {
        for pause in [Duration::ZERO, Duration::from_micros(300), Duration::from_millis(10)] {
            let (limiter, clock) = limiter();
            let mut most = 0;
            for number in 0..50_000 {
                assert_eq!(limiter.count(address(number)), Ok(()));
                clock.advance(pause);
                most = most.max(remembered(&limiter));
            }
            assert!(most <= MAX_ADDRESSES, "{most}");
        }
    }
}
