//! Addresses that the operator lists, alone or as a network: `127.0.0.1`, `31.214.250.128/27`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use thiserror::Error;

/// An address, or all of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    address: IpAddr,
    /// Bits from the left that every address of it shares.
    bits: u8,
}

/// Why a text is neither an address nor a network.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotNetwork {
    /// It has another form.
    #[error("it is neither an address nor a network such as 10.0.0.0/8")]
    Form,
    /// It names an address within a network.
    #[error("it has bits beyond its length; the network is {0}")]
    Within(Network),
}

impl Network {
    /// True if the address is in it. One of IPv4 is the same within IPv6.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && cut(address, self.bits) == self.address
    }
}

/// The address with nothing but so many bits from the left.
fn cut(address: IpAddr, bits: u8) -> IpAddr {
    let bits = u32::from(bits);
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            Ipv4Addr::from_bits(address.to_bits() & mask).into()
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            Ipv6Addr::from_bits(address.to_bits() & mask).into()
        }
    }
}

impl FromStr for Network {
    type Err = NotNetwork;

    fn from_str(text: &str) -> Result<Self, NotNetwork> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NotNetwork::Form)?;
        // One of IPv4 is written as such.
        if address.to_canonical() != address {
            return Err(NotNetwork::Form);
        }
        let all = if address.is_ipv4() { 32 } else { 128 };
        let is_number = |bits: &&str| !bits.is_empty() && bits.bytes().all(|byte| byte.is_ascii_digit());
        let bits = match bits {
            None => all,
            Some(bits) => Some(bits).filter(is_number).and_then(|bits| bits.parse().ok()).ok_or(NotNetwork::Form)?,
        };
        if bits > all {
            return Err(NotNetwork::Form);
        }
        let network = Self { address: cut(address, bits), bits };
        if network.address == address { Ok(network) } else { Err(NotNetwork::Within(network)) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(network: &str, address: &str) -> bool {
        network.parse::<Network>().unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn an_address_is_itself_and_a_network_is_all_of_it() {
        assert!(contains("127.0.0.1", "127.0.0.1") && !contains("127.0.0.1", "127.0.0.2"));
        for (address, inside) in [("31.214.250.128", true), ("31.214.250.159", true), ("31.214.250.160", false)] {
            assert_eq!(contains("31.214.250.128/27", address), inside, "{address}");
        }
        assert!(contains("0.0.0.0/0", "255.255.255.255") && !contains("0.0.0.0/0", "::1"));
        assert!(contains("fd00::/8", "fdff::1") && !contains("fd00::/8", "fe00::1") && contains("::/0", "::1"));
        assert!(contains("78.111.6.41", "::ffff:78.111.6.41"), "as it comes to a listener for both");
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for wrong in
            ["", "localhost", "1.2.3", "1.2.3.4/", "1.2.3.4/33", "1.2.3.4/+8", "::/129", "::ffff:1.2.3.4", "1.2.3.4:80"]
        {
            assert_eq!(wrong.parse::<Network>(), Err(NotNetwork::Form), "{wrong}");
        }
        let within = "31.214.250.130/27".parse::<Network>().unwrap_err();
        assert_eq!(within.to_string(), "it has bits beyond its length; the network is 31.214.250.128/27");
    }
}
