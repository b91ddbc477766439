//! Places for connections: some for all, and fewer for each address, so that nobody takes all of them alone.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Bits of an address of IPv6 that a provider gives to one customer, who may then take any of the rest.
const CUSTOMER: u32 = 64;

/// The places of a listener.
pub(super) struct Places {
    all: Arc<Semaphore>,
    of_one: usize,
    taken: Arc<Taken>,
}

/// Connections by whose they are. There are as many entries as connections, at most.
type Taken = Mutex<HashMap<IpAddr, usize>>;

/// Room for one connection of anybody.
pub(super) struct Room(#[expect(dead_code, reason = "its end gives the room back")] OwnedSemaphorePermit);

/// One of the connections of an address, if those are bounded.
pub(super) struct Share(Option<(IpAddr, Arc<Taken>)>);

/// The place of a connection, until it is dropped.
pub(super) struct Place {
    _room: Room,
    _share: Share,
    open: watch::Sender<usize>,
}

impl Places {
    pub(super) fn new(all: usize, of_one: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), of_one, taken: Arc::default() }
    }

    /// Room, if there is some now.
    pub(super) fn try_room(&self) -> Option<Room> {
        self.all.clone().try_acquire_owned().ok().map(Room)
    }

    /// Room, when there is some.
    pub(super) async fn room(&self) -> Room {
        match self.all.clone().acquire_owned().await {
            Ok(room) => Room(room),
            // It is never closed.
            Err(_closed) => std::future::pending().await,
        }
    }

    /// One more connection of this address, if it has not too many; of none that is bounded, always.
    pub(super) fn share(&self, of: Option<IpAddr>) -> Option<Share> {
        let Some(of) = of.map(customer) else { return Some(Share(None)) };
        let mut taken = lock(&self.taken);
        let count = taken.entry(of).or_default();
        if *count >= self.of_one {
            return None;
        }
        *count += 1;
        Some(Share(Some((of, self.taken.clone()))))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let Some((of, taken)) = &self.0 else { return };
        let mut taken = lock(taken);
        if let Some(count) = taken.get_mut(of) {
            *count -= 1;
            if *count == 0 {
                taken.remove(of);
            }
        }
    }
}

impl Place {
    /// One that counts as open.
    pub(super) fn new(room: Room, share: Share, open: &watch::Sender<usize>) -> Self {
        open.send_modify(|open| *open += 1);
        Self { _room: room, _share: share, open: open.clone() }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.open.send_modify(|open| *open -= 1);
    }
}

/// Who an address is of.
fn customer(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << (128 - CUSTOMER))).into(),
    }
}

fn lock(taken: &Mutex<HashMap<IpAddr, usize>>) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
    // Counts change by whole steps, so a panic elsewhere leaves them sound.
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_its_places_whatever_it_calls_itself_and_others_have_theirs() {
        let places = Places::new(8, 2);
        let share = |address: &str| places.share(Some(address.parse().unwrap()));
        let first = share("2001:db8:1:2::1").unwrap();
        let second = share("2001:db8:1:2:ffff::2").unwrap();
        assert!(share("2001:db8:1:2::3").is_none(), "the same customer");
        let others = [share("2001:db8:1:3::1").unwrap(), share("192.0.2.1").unwrap(), places.share(None).unwrap()];
        drop(first);
        let third = share("2001:db8:1:2::3").unwrap();
        assert!(share("2001:db8:1:2::4").is_none());
        drop((second, third, others));
        assert!(lock(&places.taken).is_empty());
    }

    #[test]
    fn all_together_have_no_more_than_there_are() {
        let (places, open) = (Places::new(2, 1), watch::Sender::new(0));
        let take = || Some(Place::new(places.try_room()?, places.share(None)?, &open));
        let taken = [take().unwrap(), take().unwrap()];
        assert!(take().is_none() && *open.borrow() == 2);
        drop(taken);
        assert!(*open.borrow() == 0 && take().is_some());
    }
}
