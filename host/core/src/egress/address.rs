//! Which addresses are out in the world.
//!
//! A name is chosen by whoever runs its zone, so it can lead to this machine, to its neighbours or
//! to the service that hands out a cloud's credentials. Everything is refused that is not global
//! unicast by the registries of IANA, and every form in which one address hides in another: who
//! needs a gateway of such a kind lists its address.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address may not be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// Of no machine.
    Unspecified,
    /// Of this machine.
    Loopback,
    /// Of a private network.
    Private,
    /// Of the network that this machine is plugged into.
    LinkLocal,
    /// Of a provider's own network.
    Shared,
    /// Of a cloud's service for its machines.
    Metadata,
    /// Of many machines.
    Multicast,
    /// Of all machines.
    Broadcast,
    /// For examples.
    Documentation,
    /// For measurements.
    Benchmarking,
    /// For protocols, or for nothing yet.
    Reserved,
    /// Of IPv4 within IPv6.
    Mapped,
    /// Of IPv4 within IPv6, by a gateway.
    Translated,
    /// Of IPv4 within IPv6, by a tunnel.
    Tunnelled,
    /// No address, but the hash of a key.
    Hash,
    /// Where packets are thrown away.
    Discard,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unspecified => "an unspecified address",
            Self::Loopback => "a loopback address",
            Self::Private => "a private address",
            Self::LinkLocal => "a link-local address",
            Self::Shared => "a shared address of a provider",
            Self::Metadata => "an address of a cloud's own service",
            Self::Multicast => "a multicast address",
            Self::Broadcast => "the broadcast address",
            Self::Documentation => "an address for documentation",
            Self::Benchmarking => "an address for benchmarks",
            Self::Reserved => "a reserved address",
            Self::Mapped => "an IPv4 address within an IPv6 address",
            Self::Translated => "an address behind a translator",
            Self::Tunnelled => "an address behind a tunnel",
            Self::Hash => "a hash and no address",
            Self::Discard => "a discard address",
        })
    }
}

/// The first row that fits tells why.
const V4: [([u8; 4], u32, Why); 22] = [
    ([169, 254, 169, 254], 32, Why::Metadata),
    ([168, 63, 129, 16], 32, Why::Metadata),
    ([100, 100, 100, 200], 32, Why::Metadata),
    ([192, 0, 0, 192], 32, Why::Metadata),
    ([255, 255, 255, 255], 32, Why::Broadcast),
    ([0, 0, 0, 0], 8, Why::Unspecified),
    ([10, 0, 0, 0], 8, Why::Private),
    ([100, 64, 0, 0], 10, Why::Shared),
    ([127, 0, 0, 0], 8, Why::Loopback),
    ([169, 254, 0, 0], 16, Why::LinkLocal),
    ([172, 16, 0, 0], 12, Why::Private),
    ([192, 0, 0, 0], 24, Why::Reserved),
    ([192, 0, 2, 0], 24, Why::Documentation),
    // Relays of 6to4, which is given up.
    ([192, 88, 99, 0], 24, Why::Tunnelled),
    ([192, 168, 0, 0], 16, Why::Private),
    ([198, 18, 0, 0], 15, Why::Benchmarking),
    ([198, 51, 100, 0], 24, Why::Documentation),
    ([203, 0, 113, 0], 24, Why::Documentation),
    // Documentation of multicast; it is within the next row.
    ([233, 252, 0, 0], 24, Why::Documentation),
    ([224, 0, 0, 0], 4, Why::Multicast),
    ([240, 0, 0, 0], 4, Why::Reserved),
    // AMT relays: tunnels of multicast.
    ([192, 52, 193, 0], 24, Why::Tunnelled),
];

/// The same for IPv6. What is in none of them and outside of `2000::/3` is reserved.
const V6: [(Ipv6Addr, u32, Why); 21] = [
    (Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), 128, Why::Metadata),
    (Ipv6Addr::UNSPECIFIED, 128, Why::Unspecified),
    (Ipv6Addr::LOCALHOST, 128, Why::Loopback),
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96, Why::Mapped),
    (Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, 0, 0), 96, Why::Translated),
    (Ipv6Addr::UNSPECIFIED, 96, Why::Mapped),
    (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96, Why::Translated),
    (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48, Why::Translated),
    (Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0), 64, Why::Discard),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32, Why::Tunnelled),
    (Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 0), 48, Why::Benchmarking),
    (Ipv6Addr::new(0x2001, 0x10, 0, 0, 0, 0, 0, 0), 28, Why::Hash),
    (Ipv6Addr::new(0x2001, 0x20, 0, 0, 0, 0, 0, 0), 28, Why::Hash),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, Why::Reserved),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, Why::Documentation),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, Why::Documentation),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, Why::Tunnelled),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, Why::Private),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, Why::LinkLocal),
    // Site-local addresses, which are given up.
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, Why::Private),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, Why::Multicast),
];

/// Global unicast, as far as it is given out.
const GLOBAL: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Whether an address is one that anybody in the world can have.
///
/// # Errors
/// What it is instead.
pub fn is_global(address: IpAddr) -> Result<(), Why> {
    let why = match address {
        IpAddr::V4(address) => {
            V4.iter().find(|(net, length, _)| within_v4(address, (*net).into(), *length)).map(|(.., why)| *why)
        }
        IpAddr::V6(address) => {
            let listed = V6.iter().find(|(net, length, _)| within_v6(address, *net, *length)).map(|(.., why)| *why);
            listed.or_else(|| (!within_v6(address, GLOBAL.0, GLOBAL.1)).then_some(Why::Reserved))
        }
    };
    why.map_or(Ok(()), Err)
}

/// True if the first `length` bits are the same; `length` is from 1 to 32.
fn within_v4(address: Ipv4Addr, net: Ipv4Addr, length: u32) -> bool {
    (address.to_bits() ^ net.to_bits()) >> (u32::BITS - length) == 0
}

/// True if the first `length` bits are the same; `length` is from 1 to 128.
fn within_v6(address: Ipv6Addr, net: Ipv6Addr, length: u32) -> bool {
    (address.to_bits() ^ net.to_bits()) >> (u128::BITS - length) == 0
}
