//! Places for connections: so many in all, and so many of one address, so that one address leaves room for others.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The places of a listener.
pub(super) struct Places {
    all: usize,
    of_address: usize,
    taken: Mutex<Taken>,
}

/// Has an entry for each address that has a place, and so no more entries than there are places.
#[derive(Default)]
struct Taken {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A place, until it is dropped.
pub(super) struct Place {
    places: Arc<Places>,
    address: Option<IpAddr>,
}

impl Places {
    pub(super) fn new(all: usize, of_address: usize) -> Self {
        Self { all, of_address, taken: Mutex::default() }
    }

    /// A place for a connection from this address; `None` where there is none. A proxy may have all of them.
    pub(super) fn take(self: &Arc<Self>, from: IpAddr, is_proxy: bool) -> Option<Place> {
        let mut taken = self.lock();
        if taken.all >= self.all {
            return None;
        }
        let address = (!is_proxy).then(|| household(from));
        if let Some(address) = address {
            let count = taken.by_address.entry(address).or_default();
            if *count >= self.of_address {
                return None;
            }
            *count += 1;
        }
        taken.all += 1;
        Some(Place { places: Arc::clone(self), address })
    }

    /// How many are taken.
    pub(super) fn taken(&self) -> usize {
        self.lock().all
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        // Two counters that are changed together; nothing between them panics.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.all -= 1;
        if let Some(address) = self.address
            && let Entry::Occupied(mut entry) = taken.by_address.entry(address)
        {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

/// Whose address it is, as far as that can be known: one customer gets a whole /64 of IPv6.
fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_address_leaves_places_for_others_and_a_proxy_has_those_of_many() {
        let places = Arc::new(Places::new(5, 2));
        let take = |from: &str| places.take(ip(from), false);
        let first = (take("10.0.0.1").unwrap(), take("::ffff:10.0.0.1").unwrap());
        assert!(take("10.0.0.1").is_none());
        let neighbour = take("10.0.0.2").unwrap();
        drop(first);
        let again = take("10.0.0.1").unwrap();
        assert_eq!(places.taken(), 2);
        let all = [(); 3].map(|()| places.take(ip("127.0.0.1"), true).unwrap());
        assert!(take("10.0.0.3").is_none() && places.take(ip("127.0.0.1"), true).is_none(), "there are no more");
        drop((neighbour, again, all));
        assert_eq!((places.taken(), places.lock().by_address.len()), (0, 0));
    }

    #[test]
    fn the_addresses_of_one_customer_count_as_one() {
        let places = Arc::new(Places::new(5, 1));
        let _first = places.take(ip("2001:db8::1"), false).unwrap();
        assert!(places.take(ip("2001:db8::ffff:1"), false).is_none());
        assert!(places.take(ip("2001:db8:0:1::1"), false).is_some());
    }
}
